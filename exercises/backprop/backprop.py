class Value:
    """A number that remembers what it was computed from, so that derivatives can be sent back to where it began.

    `data` is a float, and so is `grad`, which starts at 0. + - * / take Values and numbers on either side, ** takes a number as
    its exponent; each returns a new Value. Source: Linnainmaa 1970; the interface after Karpathy's micrograd, 2020.
    """

    def __init__(self, data: float) -> None:
        raise NotImplementedError

    def __add__(self, other: "Value | float") -> "Value":
        raise NotImplementedError

    def __sub__(self, other: "Value | float") -> "Value":
        raise NotImplementedError

    def __mul__(self, other: "Value | float") -> "Value":
        raise NotImplementedError

    def __truediv__(self, other: "Value | float") -> "Value":
        raise NotImplementedError

    def __pow__(self, exponent: float) -> "Value":
        """`self` to the power of a number. Raises ValueError for a fractional exponent of a base that is not positive."""
        raise NotImplementedError

    def __neg__(self) -> "Value":
        raise NotImplementedError

    def __rsub__(self, other: float) -> "Value":
        raise NotImplementedError

    def __rtruediv__(self, other: float) -> "Value":
        raise NotImplementedError

    def exp(self) -> "Value":
        raise NotImplementedError

    def log(self) -> "Value":
        """The natural logarithm. Raises ValueError unless `data` is positive."""
        raise NotImplementedError

    def tanh(self) -> "Value":
        raise NotImplementedError

    def relu(self) -> "Value":
        """The larger of `self` and 0, with a derivative of 0 at 0."""
        raise NotImplementedError

    def backward(self) -> None:
        """Adds the derivative of this Value by every Value that it was computed from, and by itself, to their `grad`."""
        raise NotImplementedError
