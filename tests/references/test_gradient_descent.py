"""The reference of gradient descent, held to torch.optim.SGD."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, floats, lists
from torch import nn

from grader.kit import agrees, normal, seeds
from solutions.gradient_descent.gradient_descent import SGD


@settings(max_examples=40)
@given(seeds, floats(0, 0.5), floats(0.01, 0.99), booleans(), lists(booleans(), min_size=1, max_size=8))
def test_it_is_torchs(seed, lr, momentum, nesterov, given_gradients):
    ours, theirs = ([nn.Parameter(normal(seed + i, *shape).double()) for i, shape in enumerate([(3, 4), ()])] for _ in "12")
    optimizer, reference = SGD(iter(ours), lr, momentum, nesterov), torch.optim.SGD(theirs, lr, momentum, nesterov=nesterov)
    for step, is_given in enumerate(given_gradients):
        for i, both in enumerate(zip(ours, theirs, strict=True)):
            for p in both:
                p.grad = normal(seed + step, *p.shape).double() if is_given or i == 0 else None
        optimizer.lr = reference.param_groups[0]["lr"] = lr / (1 + step)
        optimizer.step()
        reference.step()
        for p, expected in zip(ours, theirs, strict=True):
            agrees(p.detach(), expected.detach())


@settings(max_examples=10)
@given(seeds, floats(0, 0.5))
def test_without_momentum_it_is_torchs(seed, lr):
    ours, theirs = (nn.Parameter(normal(seed, 3)) for _ in "12")
    optimizer, reference = SGD([ours], lr), torch.optim.SGD([theirs], lr)
    for step in range(3):
        ours.grad = theirs.grad = normal(seed + step, 3)
        optimizer.step()
        reference.step()
    agrees(ours.detach(), theirs.detach())
