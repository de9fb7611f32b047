"""The reference engine, held to torch's autograd on expressions of float64 numbers."""

import operator

import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, lists, sampled_from, tuples

from grader.kit import agrees
from solutions.backprop.backprop import Value

OPERATIONS = {
    "+": operator.add,
    "-": operator.sub,
    "*": lambda a, b: (a * b).tanh(),
    "/": lambda a, b: a / (b * b + 0.5),
    "exp": lambda a, b: (-a * a).exp() + b,
    "log": lambda a, b: (a.relu() + 1).log() - b,
    "power": lambda a, b: (a * a + 1) ** 0.5 * 2 + (1 + b * b) ** -2,
    "left": lambda a, b: 2 / (1 + b.exp()) - (1 - a),
}
leaves = lists(floats(-3, 3), min_size=2, max_size=4)
steps = lists(tuples(sampled_from(sorted(OPERATIONS)), floats(0, 1), floats(0, 1)), min_size=1, max_size=15)


def calculated(values, steps):
    for name, one, other in steps:
        pick = lambda share: values[min(int(share * len(values)), len(values) - 1)]
        values.append(OPERATIONS[name](pick(one), pick(other)))
    return values


@settings(max_examples=60)
@given(leaves, steps)
def test_it_is_torchs(leaves, steps):
    ours = calculated([Value(leaf) for leaf in leaves], steps)
    theirs = calculated([torch.tensor(leaf, dtype=torch.float64, requires_grad=True) for leaf in leaves], steps)
    ours[-1].backward()
    found = torch.autograd.grad(theirs[-1], theirs, allow_unused=True)
    for value, tensor, gradient in zip(ours, theirs, found, strict=True):
        agrees(value.data, tensor.item())
        agrees(value.grad, 0.0 if gradient is None else gradient.item(), atol=1e-7, rtol=1e-7)
