import math
from numbers import Real


class Value:
    """A closure per operation; each call of backward has gradients of its own, and finds its order by counting uses."""

    def __init__(self, data, parents=(), push=None):
        self.data, self.grad = float(data), 0.0
        self.parents, self.push = parents, push

    @staticmethod
    def of(x):
        if isinstance(x, Value):
            return x
        if isinstance(x, Real):
            return Value(x)
        raise TypeError(type(x))

    def __add__(self, other):
        other = Value.of(other)
        return Value(self.data + other.data, (self, other), lambda g: (g, g))

    def __mul__(self, other):
        other = Value.of(other)
        a, b = self.data, other.data
        return Value(a * b, (self, other), lambda g: (g * b, g * a))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -Value.of(other)

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        other = Value.of(other)
        a, b = self.data, other.data
        return Value(a / b, (self, other), lambda g: (g / b, -g * a / b**2))

    def __rtruediv__(self, other):
        return Value.of(other) / self

    def __pow__(self, n):
        if not isinstance(n, Real):
            raise TypeError(n)
        a = self.data
        if n != int(n) and a <= 0:
            raise ValueError(a)
        return Value(a**n, (self,), lambda g: (g * n * a ** (n - 1) if n != 0 else 0.0,))

    __radd__, __rmul__ = __add__, __mul__

    def exp(self):
        e = math.exp(self.data)
        return Value(e, (self,), lambda g: (g * e,))

    def log(self):
        a = self.data
        return Value(math.log(a), (self,), lambda g: (g / a,))

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, (self,), lambda g: (g * (1 - t) * (1 + t),))

    def relu(self):
        return Value(self.data if self.data > 0 else 0.0, (self,), lambda g: (g if self.data > 0 else 0.0,))

    def backward(self):
        uses, found, waiting = {}, {id(self): self}, [self]
        while waiting:
            for parent in waiting.pop().parents:
                uses[id(parent)] = uses.get(id(parent), 0) + 1
                if id(parent) not in found:
                    found[id(parent)] = parent
                    waiting.append(parent)
        gradients, ready = {id(self): 1.0}, [self]
        while ready:
            value = ready.pop()
            gradient = gradients[id(value)]
            value.grad += gradient
            for parent, part in zip(value.parents, value.push(gradient) if value.push else (), strict=True):
                gradients[id(parent)] = gradients.get(id(parent), 0.0) + part
                uses[id(parent)] -= 1
                if not uses[id(parent)]:
                    ready.append(parent)
