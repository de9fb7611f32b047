"""The references of the norms, held to torch's own."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, sampled_from
from torch import nn
from torch.nn import functional as F

from grader.kit import agrees, gradients, normal, seeds
from solutions.normalization.normalization import BatchNorm, layer_norm, rms_norm

dtypes = sampled_from([torch.float64, torch.float32, torch.float16, torch.bfloat16])
shapes = sampled_from([(5,), (4, 7), (2, 3, 4), (3, 1)])


@settings(max_examples=30)
@given(seeds, shapes, floats(1e-6, 1), dtypes)
def test_the_norms_of_rows_are_torchs(seed, shape, eps, dtype):
    x, weight, bias = (normal(seed + i, *s).to(dtype) for i, s in enumerate([shape, shape[-1:], shape[-1:]]))
    wide = [t.double() for t in (x, weight, bias)]
    agrees(layer_norm(x, weight, bias, eps), F.layer_norm(wide[0], shape[-1:], *wide[1:], eps).to(dtype))
    agrees(rms_norm(x, weight, eps), F.rms_norm(wide[0], shape[-1:], wide[1], eps).to(dtype))


@settings(max_examples=20)
@given(seeds, shapes, floats(1e-6, 1))
def test_their_gradients_are_torchs(seed, shape, eps):
    inputs = [normal(seed + i, *s).double().requires_grad_() for i, s in enumerate([shape, shape[-1:], shape[-1:]])]
    pairs = [(layer_norm(*inputs, eps), F.layer_norm(inputs[0], shape[-1:], *inputs[1:], eps))]
    pairs += [(rms_norm(*inputs[:2], eps), F.rms_norm(inputs[0], shape[-1:], inputs[1], eps))]
    for ours, theirs in pairs:
        for got, expected in zip(gradients(ours, *inputs), gradients(theirs, *inputs), strict=True):
            agrees(got, expected)


@settings(max_examples=20)
@given(seeds, sampled_from([(4, 3), (2, 3), (2, 3, 4), (1, 3, 2)]), floats(1e-6, 1), floats(0, 1))
def test_batch_norm_is_torchs(seed, shape, eps, momentum):
    ours, theirs = BatchNorm(3, eps, momentum).double(), nn.BatchNorm1d(3, eps, momentum).double()
    ours.load_state_dict(state := ours.state_dict() | {name: normal(seed + i, 3) for i, name in enumerate(("weight", "bias"))})
    theirs.load_state_dict(state | {"num_batches_tracked": torch.tensor(0)})
    for step in range(3):
        x = normal(seed + step, *shape).double().requires_grad_()
        got, expected = (gradients(module(x), x, module.weight, module.bias) for module in (ours, theirs))
        for one, other in zip(got, expected, strict=True):
            agrees(one, other)
        for name, value in ours.state_dict().items():
            agrees(value, theirs.state_dict()[name])
    agrees(ours.eval()(x).detach(), theirs.eval()(x).detach())
