import math
from itertools import count

import numpy

numbers = count()


class Value:
    """Every Value has a number, and what is computed later has a larger one: that is the order. numpy does the arithmetic."""

    def __init__(self, data, *parents):
        self.data, self.grad, self.number, self.parents = float(data), 0.0, next(numbers), parents

    def __add__(self, other):
        return combined(numpy.add, self, other, lambda a, b: (1.0, 1.0))

    def __sub__(self, other):
        return combined(numpy.subtract, self, other, lambda a, b: (1.0, -1.0))

    def __mul__(self, other):
        return combined(numpy.multiply, self, other, lambda a, b: (b, a))

    def __truediv__(self, other):
        return combined(divided, self, other, lambda a, b: (1 / b, -a / b / b))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return lifted(other) - self

    def __rtruediv__(self, other):
        return lifted(other) / self

    def __neg__(self):
        return Value(-self.data, (self, -1.0))

    def __pow__(self, n):
        if not isinstance(n, (int, float)):
            raise TypeError("exponent")
        if float(n).is_integer():
            return Value(self.data**n, (self, 0.0 if n == 0 else n * self.data ** (n - 1)))
        return Value(math.exp(n * math.log(self.data)), (self, n * math.exp((n - 1) * math.log(self.data))))

    def exp(self):
        result = Value(math.exp(self.data))
        result.parents = ((self, result.data),)
        return result

    def log(self):
        return Value(math.log(self.data), (self, self.data**-1))

    def tanh(self):
        return Value(numpy.tanh(self.data), (self, 1 - float(numpy.tanh(self.data)) ** 2))

    def relu(self):
        return Value(self.data * (self.data > 0), (self, float(self.data > 0)))

    def backward(self):
        reached, waiting = {self.number: self}, [self]
        while waiting:
            for parent, _ in waiting.pop().parents:
                if parent.number not in reached:
                    reached[parent.number] = parent
                    waiting.append(parent)
        gradients = dict.fromkeys(reached, 0.0)
        gradients[self.number] = 1.0
        for number in sorted(reached, reverse=True):
            for parent, derivative in reached[number].parents:
                gradients[parent.number] += derivative * gradients[number]
        for number, value in reached.items():
            value.grad += gradients[number]


def lifted(x):
    if isinstance(x, (int, float)):
        return Value(x)
    if isinstance(x, Value):
        return x
    raise TypeError(x)


def divided(a, b):
    return a / b


def combined(operation, left, right, derivatives):
    left, right = lifted(left), lifted(right)
    return Value(operation(left.data, right.data), *zip((left, right), derivatives(left.data, right.data), strict=True))
