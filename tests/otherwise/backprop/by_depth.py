import math


class Value:
    """A row of derivatives per Value, and the order by depth: what is deeper sends its gradient on first."""

    def __init__(self, data):
        self.data = 0.0 + data
        self.grad = 0.0
        self.row = {}

    def __add__(self, other):
        if isinstance(other, (int, float)):
            return linked(self.data + other, {self: 1.0})
        checked(other)
        return linked(self.data + other.data, {self: 2.0} if self is other else {self: 1.0, other: 1.0})

    def __neg__(self):
        return linked(-self.data, {self: -1.0})

    def __mul__(self, other):
        if isinstance(other, (int, float)):
            return linked(self.data * other, {self: 0.0 + other})
        checked(other)
        return linked(self.data * other.data, {self: 2 * self.data} if self is other else {self: other.data, other: self.data})

    def __pow__(self, n):
        if not isinstance(n, (int, float)):
            raise TypeError(n)
        if n % 1 != 0 and not self.data > 0:
            raise ValueError(n)
        return linked(self.data**n, {self: n * self.data ** (n - 1) if n else 0.0})

    def __sub__(self, other):
        return self + (-other if isinstance(other, (int, float)) else -checked(other))

    def __truediv__(self, other):
        return self * (1 / other if isinstance(other, (int, float)) else checked(other) ** -1)

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return -self + other

    def __rtruediv__(self, other):
        return self**-1 * other

    def exp(self):
        return linked(math.exp(self.data), {self: math.exp(self.data)})

    def log(self):
        return linked(math.log(self.data), {self: 1 / self.data})

    def tanh(self):
        t = math.copysign(-math.expm1(-2 * abs(self.data)) / (1 + math.exp(-2 * abs(self.data))), self.data)
        return linked(t, {self: 1 - t * t})

    def relu(self):
        return linked(max(0.0, self.data), {self: 1.0} if self.data > 0 else {self: 0.0})

    def backward(self):
        depth = {}
        waiting = [self]
        while waiting:
            value = waiting[-1]
            missing = [parent for parent in value.row if parent not in depth]
            if missing:
                waiting += missing
            else:
                depth[value] = 1 + max((depth[parent] for parent in value.row), default=0)
                waiting.pop()
        gradients = {self: 1.0}
        for value in sorted(depth, key=depth.get, reverse=True):
            gradient = gradients.get(value, 0.0)
            value.grad += gradient
            for parent, slope in value.row.items():
                gradients[parent] = gradients.get(parent, 0.0) + slope * gradient


def linked(data, row):
    value = Value(data)
    value.row = row
    return value


def checked(other):
    if not isinstance(other, Value):
        raise TypeError(other)
    return other
