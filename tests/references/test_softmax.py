"""The reference of softmax, held to torch's own operator its gradient and its differences."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, sampled_from
from torch.nn import functional as F

from grader.kit import agrees, gradients, normal, seeds
from solutions.softmax.softmax import softmax, softmax_jvp

dtypes = sampled_from([torch.float64, torch.float32, torch.float16, torch.bfloat16])
shapes = sampled_from([(7,), (1, 1), (3, 5), (2, 3, 4), (0, 3), (2, 33, 2)])
temperatures = floats(0.125, 8)


@settings(max_examples=40)
@given(seeds, shapes, temperatures, dtypes)
def test_softmax_is_torchs(seed, shape, temperature, dtype):
    x = (20 * normal(seed, *shape)).to(dtype)
    for dim in (dim for dim in range(-len(shape), len(shape)) if shape[dim]):
        expected = F.softmax(x.double() / temperature, dim).to(dtype)
        agrees(softmax(x, dim, temperature), expected)


@settings(max_examples=20)
@given(seeds, shapes, temperatures)
def test_the_gradient_is_torchs(seed, shape, temperature):
    x = normal(seed, *shape).double().requires_grad_()
    right = F.softmax(x / temperature, -1)
    agrees(gradients(softmax(x, -1, temperature), x)[0], gradients(right, x)[0])


@settings(max_examples=20)
@given(seeds, shapes, temperatures)
def test_the_product_is_the_central_difference_of_torchs(seed, shape, temperature):
    x, v, h = normal(seed, *shape).double(), normal(seed + 1, *shape).double(), 1e-5
    p, ahead, behind = (F.softmax((x + step * v) / temperature, -1) for step in (0, h, -h))
    agrees(softmax_jvp(p, v, -1, temperature), (ahead - behind) / (2 * h))
