"""The reference of Adam and AdamW, held to torch.optim."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, floats, lists, sampled_from
from torch import nn

from grader.kit import agrees, normal, seeds
from solutions.adam.adam import Adam, AdamW

pairs = sampled_from([(Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)])
betas = sampled_from([(0.9, 0.999), (0.5, 0.75), (0.0, 0.9), (0.9, 0.0)])


@settings(max_examples=30)
@given(seeds, pairs, floats(0, 0.5), betas, floats(1e-8, 1), floats(0, 0.9), lists(booleans(), min_size=1, max_size=6))
def test_it_is_torchs(seed, pair, lr, betas, eps, decay, given_gradients):
    ours, theirs = ([nn.Parameter(normal(seed + i, *shape).double()) for i, shape in enumerate([(3, 4), ()])] for _ in "12")
    optimizer, reference = pair[0](iter(ours), lr, betas, eps, decay), pair[1](theirs, lr, betas, eps, decay)
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
@given(seeds, pairs)
def test_the_defaults_are_torchs(seed, pair):
    ours, theirs = (nn.Parameter(normal(seed, 5)) for _ in "12")
    optimizer, reference = pair[0]([ours]), pair[1]([theirs])
    for step in range(3):
        ours.grad = theirs.grad = normal(seed + step, 5)
        optimizer.step()
        reference.step()
    agrees(ours.detach(), theirs.detach())
