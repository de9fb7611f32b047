"""Five mistakes of backprop, made again by another route: each must still be recognized under its name."""

import math

from grader.kit import instead_of
from solutions.backprop.backprop import Value, _in_order, _made


@instead_of("Value.backward")
def sends_on_old_gradients(self):
    self.grad = 1.0
    for value in _in_order(self)[::-1]:
        for parent, derivative in value._parents:
            parent.grad = parent.grad + derivative * value.grad


@instead_of("Value.backward")
def recurses(self):
    done, found = [], {self: 1.0}

    def finish(value):
        if value in done_already:
            return
        done_already.add(value)
        list(map(finish, (parent for parent, _ in value._parents)))
        done.insert(0, value)

    done_already = set()
    finish(self)
    for value in done:
        value.grad += found.get(value, 0.0)
        for parent, derivative in value._parents:
            found[parent] = found.get(parent, 0.0) + found[value] * derivative


@instead_of("Value.backward")
def overwrites_the_gradient(self):
    found = {id(self): 1.0}
    for value in _in_order(self)[::-1]:
        value.grad += found[id(value)]
        found.update((id(parent), found[id(value)] * derivative) for parent, derivative in value._parents)


@instead_of("Value.__truediv__")
def forgets_the_numerator(self, other):
    other = other if isinstance(other, Value) else Value(1.0) * other
    return _made(self.data / other.data, (self, other.data**-1), (other, -(other.data**-2)))


@instead_of("Value.tanh")
def makes_tanh_of_exponentials(self):
    up, down = math.exp(self.data), math.exp(-self.data)
    return _made((up - down) / (up + down), (self, 4 / (up + down) ** 2))
