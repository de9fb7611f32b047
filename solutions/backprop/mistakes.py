import math

from grader.kit import instead_of


def made(self, data, *parents):
    value = type(self)(data)
    value._parents = parents
    return value


def lifted(self, x):
    if isinstance(x, type(self)):
        return x
    if not isinstance(x, int | float):
        raise TypeError(x)
    return type(self)(x)


def in_order(last):
    """All that `last` was computed from, and itself, each after its parents."""
    order, seen, waiting = [], set(), [(last, False)]
    while waiting:
        value, is_done = waiting.pop()
        if is_done:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            waiting += [(value, True), *((parent, False) for parent, _ in value._parents)]
    return order


@instead_of("Value.backward")
def overwrites_the_gradient(self):
    """`=` in place of `+=`: of several uses of a number only the last one counts, so a · a has the derivative a. The chain
    rule is a sum over all ways."""
    gradients = {self: 1.0}
    for value in reversed(in_order(self)):
        value.grad += gradients[value]
        for parent, derivative in value._parents:
            gradients[parent] = gradients[value] * derivative


@instead_of("Value.backward")
def sends_on_what_has_piled_up(self):
    """Each visit sends on the whole sum so far, and a Value is visited once per use: what the first visit sent is sent again by
    the second. Wait until all uses have reported, then send once."""
    found = {self: 1.0}

    def visit(value):
        for parent, derivative in value._parents:
            found[parent] = found.get(parent, 0.0) + found[value] * derivative
            visit(parent)

    if len(in_order(self)) > 150:
        raise RecursionError("2²⁰⁰ ways would take longer than anyone waits")
    visit(self)
    for value, gradient in found.items():
        value.grad += gradient


@instead_of("Value.backward")
def goes_back_breadth_first(self):
    """A queue visits by distance from the end, and a number that is used both near and far is sent on before the far use has
    been heard. What counts is the order of computation: topological."""
    gradients, queue, seen = {self: 1.0}, [self], {self}
    for value in queue:
        value.grad += gradients[value]
        for parent, derivative in value._parents:
            gradients[parent] = gradients.get(parent, 0.0) + gradients[value] * derivative
            if parent not in seen:
                seen.add(parent)
                queue.append(parent)


@instead_of("Value.backward")
def recurses(self):
    """The depth of the recursion is the length of the longest chain, and Python stops at 1,000: an RNN over a page of text is
    longer. Keep a stack of your own."""
    order, seen = [], set()

    def visit(value):
        if value not in seen:
            seen.add(value)
            for parent, _ in value._parents:
                visit(parent)
            order.append(value)

    visit(self)
    gradients = {self: 1.0}
    for value in reversed(order):
        value.grad += gradients[value]
        for parent, derivative in value._parents:
            gradients[parent] = gradients.get(parent, 0.0) + gradients[value] * derivative


@instead_of("Value.backward")
def sends_on_old_gradients(self):
    """`grad` is both the sum over calls and what is sent on, so the second call sends what the first has sent already: three
    times the gradient after two calls, and worse further down. A call needs numbers of its own."""
    order = in_order(self)
    self.grad = 1.0
    for value in reversed(order):
        for parent, derivative in value._parents:
            parent.grad += value.grad * derivative


@instead_of("Value.backward")
def starts_every_call_from_zero(self):
    """All gradients are set to zero first, so the second of two losses erases the first, and accumulation over micro-batches
    trains on the last one. Setting to zero is the caller's decision."""
    order = in_order(self)
    for value in order:
        value.grad = 0.0
    self.grad = 1.0
    for value in reversed(order):
        for parent, derivative in value._parents:
            parent.grad += value.grad * derivative


@instead_of("Value.backward")
def keeps_gradients_for_leaves_alone(self):
    """Only what was made by hand gets its gradient, as in torch. This brief wants it in every Value: in between is where one
    looks when a gradient vanishes (torch has `retain_grad` for that)."""
    gradients = {self: 1.0}
    for value in reversed(in_order(self)):
        if not value._parents:
            value.grad += gradients[value]
        for parent, derivative in value._parents:
            gradients[parent] = gradients.get(parent, 0.0) + gradients[value] * derivative


@instead_of("Value.__mul__")
def keeps_its_parents_in_a_dict(self, other):
    """A dict from operand to derivative has one entry where both operands are the same Value, so a · a loses half of its
    derivative. Keep a pair per use, not per Value."""
    other = lifted(self, other)
    return made(self, self.data * other.data, *{self: other.data, other: self.data}.items())


@instead_of("Value.__mul__")
def weighs_a_factor_by_itself(self, other):
    """Each factor gets its own value as the derivative. The derivative of a · b by a is what stays when a is taken away: b."""
    other = lifted(self, other)
    return made(self, self.data * other.data, (self, self.data), (other, other.data))


@instead_of("Value.__truediv__")
def forgets_the_numerator(self, other):
    """The derivative of a / b by b is −a / b²; −1 / b² is that of 1 / b. With a = 1, the first thing one tries, they agree."""
    other = lifted(self, other)
    return made(self, self.data / other.data, (self, 1 / other.data), (other, -1 / other.data**2))


@instead_of("Value.__sub__")
def subtracts_without_a_sign(self, other):
    """`__sub__` was copied from `__add__`, and of two signs one was changed: the data are right, and b is pushed the wrong way.
    Write it as a + (−b), or test every operator's gradient."""
    other = lifted(self, other)
    return made(self, self.data - other.data, (self, 1.0), (other, 1.0))


@instead_of("Value.__rsub__")
def exchanges_the_sides_of_a_difference(self, other):
    """`__rsub__ = __sub__`, as for + and *. But Python calls it as v.__rsub__(2) for 2 − v: the other one comes first."""
    return self - other


@instead_of("Value.__rtruediv__")
def exchanges_the_sides_of_a_quotient(self, other):
    """2 / v arrives as v.__rtruediv__(2), and v / 2 is not what was asked for. Only + and * may be reflected as they are."""
    return self / other


@instead_of("Value.__pow__")
def keeps_the_exponent(self, exponent):
    """n · aⁿ: the exponent came down in front, and stayed above as well. A look at units helps: the derivative of an area by a
    length is a length."""
    power = checked_power(self, exponent)
    return made(self, power, (self, exponent * power))


@instead_of("Value.__pow__")
def divides_to_lower_the_exponent(self, exponent):
    """n · aⁿ / a is the same as n · aⁿ⁻¹ everywhere but at zero, where it divides by it: the square of an error that happens
    to be zero stops the training."""
    power = checked_power(self, exponent)
    return made(self, power, (self, exponent * power / self.data))


@instead_of("Value.__pow__")
def answers_with_complex_numbers(self, exponent):
    """In Python, (−8.0) ** 0.5 is a complex number and no error: it travels on through the sums, and fails far away in a
    comparison, if anywhere. Refuse it where it arises."""
    if not isinstance(exponent, int | float):
        raise TypeError(exponent)
    slope = exponent * self.data ** (exponent - 1) if exponent and (self.data or exponent >= 1) else 0.0
    value = made(self, 0.0, (self, slope))
    value.data = self.data**exponent
    return value


@instead_of("Value.tanh")
def squares_what_went_in(self):
    """The derivative is 1 − tanh(a)², with the result, not with the argument. Near zero the two look alike; from one on, the
    gradient has the wrong sign."""
    return made(self, math.tanh(self.data), (self, 1 - self.data**2))


@instead_of("Value.tanh")
def makes_tanh_of_exponentials(self):
    """exp(2a) overflows beyond 355, where tanh has long been 1, and in Python that is an exception. `math.tanh` knows its
    limits; so would exp(−2|a|)."""
    power = math.exp(2 * self.data)
    t = (power - 1) / (power + 1)
    return made(self, t, (self, 1 - t * t))


@instead_of("Value.exp")
def differentiates_exp_like_a_power(self):
    """The power rule is for a variable base. With the variable in the exponent, exp is its own derivative: reuse the result."""
    return made(self, math.exp(self.data), (self, self.data * math.exp(self.data - 1)))


@instead_of("Value.relu")
def lets_every_gradient_through(self):
    """The data are cut off below zero and the gradient is not: a unit that contributed nothing is trained all the same. That
    is the straight-through estimator, which is for steps without a slope."""
    return made(self, max(self.data, 0.0), (self, 1.0))


@instead_of("Value.relu")
def slopes_at_zero(self):
    """`>=` gives zero the slope 1. Any number between 0 and 1 is a subgradient there, and 0 is what torch and this brief take;
    it counts where many inputs are exactly zero."""
    return made(self, max(self.data, 0.0), (self, 1.0 if self.data >= 0 else 0.0))


@instead_of("Value.__init__")
def keeps_whole_numbers(self, data):
    """An int stays an int, and type and precision of results depend on how a literal was written. Decide once, at the
    door: `float(data)`."""
    self.data, self.grad, self._parents = data, 0, ()


def checked_power(self, exponent):
    if not isinstance(exponent, int | float):
        raise TypeError(exponent)
    if exponent % 1 and self.data <= 0:
        raise ValueError(exponent)
    return self.data**exponent
