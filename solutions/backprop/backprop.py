import math


class Value:
    """A number that remembers what it was computed from, so that derivatives can be sent back to where it began.

    `data` is a float, and so is `grad`, which starts at 0. + - * / take Values and numbers on either side, ** takes a number as
    its exponent; each returns a new Value. Source: Linnainmaa 1970; the interface after Karpathy's micrograd, 2020.
    """

    def __init__(self, data: float) -> None:
        self.data = float(data)
        self.grad = 0.0
        self._parents: tuple[tuple[Value, float], ...] = ()  # each with the derivative of this Value by it

    def __add__(self, other: "Value | float") -> "Value":
        other = _as_value(other)
        return _made(self.data + other.data, (self, 1.0), (other, 1.0))

    def __sub__(self, other: "Value | float") -> "Value":
        other = _as_value(other)
        return _made(self.data - other.data, (self, 1.0), (other, -1.0))

    def __mul__(self, other: "Value | float") -> "Value":
        other = _as_value(other)
        return _made(self.data * other.data, (self, other.data), (other, self.data))

    def __truediv__(self, other: "Value | float") -> "Value":
        other = _as_value(other)
        quotient = self.data / other.data
        return _made(quotient, (self, 1 / other.data), (other, -quotient / other.data))

    def __pow__(self, exponent: float) -> "Value":
        """`self` to the power of a number. Raises ValueError for a fractional exponent of a base that is not positive."""
        if not isinstance(exponent, int | float):
            raise TypeError(f"the exponent is a number, not {type(exponent).__name__}")
        if exponent % 1 and self.data <= 0:  # Python would answer with a complex number
            raise ValueError(f"{self.data} has no real power {exponent} with a derivative")
        slope = exponent * self.data ** (exponent - 1) if exponent else 0.0  # v ** 0 is constant, also where 1 / v is not
        return _made(self.data**exponent, (self, slope))

    def __neg__(self) -> "Value":
        return _made(-self.data, (self, -1.0))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: float) -> "Value":
        return _as_value(other) - self

    def __rtruediv__(self, other: float) -> "Value":
        return _as_value(other) / self

    def exp(self) -> "Value":
        power = math.exp(self.data)
        return _made(power, (self, power))

    def log(self) -> "Value":
        """The natural logarithm. Raises ValueError unless `data` is positive."""
        return _made(math.log(self.data), (self, 1 / self.data))

    def tanh(self) -> "Value":
        t = math.tanh(self.data)  # made of exponentials, it would overflow where it is 1
        return _made(t, (self, 1 - t * t))

    def relu(self) -> "Value":
        """The larger of `self` and 0, with a derivative of 0 at 0."""
        return _made(max(self.data, 0.0), (self, 1.0 if self.data > 0 else 0.0))

    def backward(self) -> None:
        """Adds the derivative of this Value by every Value that it was computed from, and by itself, to their `grad`."""
        # What this call finds is kept apart from `grad`, which may hold what earlier calls found: that was sent on already.
        gradients = {self: 1.0}
        for value in reversed(_in_order(self)):  # all that was computed from a Value comes before it: its sum is complete
            gradient = gradients[value]
            value.grad += gradient
            for parent, derivative in value._parents:
                gradients[parent] = gradients.get(parent, 0.0) + gradient * derivative  # a sum over all uses


def _made(data: float, *parents: tuple[Value, float]) -> Value:
    value = Value(data)
    value._parents = parents
    return value


def _as_value(x: Value | float) -> Value:
    if isinstance(x, Value):
        return x
    if isinstance(x, int | float):
        return Value(x)
    raise TypeError(f"a Value or a number, not {type(x).__name__}")


def _in_order(last: Value) -> list[Value]:
    """`last` and all that it was computed from, once each, and each after its parents."""
    order: list[Value] = []
    seen = set()
    waiting = [(last, False)]  # a stack of our own: Python's ends at a depth of 1,000
    while waiting:
        value, parents_are_done = waiting.pop()
        if parents_are_done:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            waiting.append((value, True))
            waiting += [(parent, False) for parent, _ in value._parents]
    return order
