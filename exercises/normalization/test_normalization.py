import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, integers, sampled_from
from torch.nn import functional as F

from exercises.normalization.normalization import BatchNorm, layer_norm, rms_norm
from grader.kit import agrees, gradients, normal, quarters, refuses, seeds, tensors

forbids = [
    "torch.layer_norm", "torch.native_layer_norm", "torch.nn.functional.layer_norm", "torch.nn.LayerNorm",
    "torch.rms_norm", "torch.nn.functional.rms_norm", "torch.nn.RMSNorm", "torch._fused_rms_norm",
    "torch.batch_norm", "torch.native_batch_norm", "torch._native_batch_norm_legit", "torch.nn.functional.batch_norm",
    "torch.nn.BatchNorm1d", "torch.nn.BatchNorm2d", "torch.nn.BatchNorm3d", "torch.nn.SyncBatchNorm",
    "torch.nn.LazyBatchNorm1d", "torch.nn.LazyBatchNorm2d", "torch.nn.LazyBatchNorm3d", "torch.batch_norm_stats",
    "torch._batch_norm_impl_index", "torch.group_norm", "torch.native_group_norm", "torch.nn.functional.group_norm",
    "torch.nn.GroupNorm", "torch.instance_norm", "torch.nn.functional.instance_norm", "torch.nn.InstanceNorm1d",
    "torch.nn.InstanceNorm2d", "torch.nn.InstanceNorm3d",
]  # fmt: skip

dtypes = [torch.float64, torch.float16, torch.bfloat16]
exact = {"atol": 1e-12, "rtol": 1e-12}  # what float64 can do and float32 cannot
few = settings(max_examples=8)
very_few = settings(max_examples=4)


def affine(seed, x):
    """A weight and a bias for the last axis of `x`, in its dtype."""
    return quarters(seed + 1, x.shape[-1]).to(x.dtype) + 0.125, quarters(seed + 2, x.shape[-1]).to(x.dtype)


def statistics(numbers):
    """The mean, the biased variance and the mean square of some numbers."""
    mean = math.fsum(numbers) / len(numbers)
    return mean, math.fsum((a - mean) ** 2 for a in numbers) / len(numbers), math.fsum(a * a for a in numbers) / len(numbers)


def normalized(row, weight, bias, eps, recentred=True):
    """One row, in plain numbers."""
    mean, variance, square = statistics(row.tolist())
    shift, size = (mean, variance) if recentred else (0.0, square)
    numbers = zip(row.tolist(), weight.tolist(), bias.tolist(), strict=True)
    return torch.tensor([(a - shift) / math.sqrt(size + eps) * w + b for a, w, b in numbers], dtype=row.dtype)


def trained(features, x, momentum=0.1):
    """A BatchNorm that has seen the batch `x` in training, and what it made of it."""
    module = BatchNorm(features, momentum=momentum).to(x.dtype)
    return module, module(x)


def spaced(seed, d):
    """Entries [4, d] up to 4 that are not all alike, by row or by column."""
    return quarters(seed, 4, d) + torch.arange(d) / 4 + torch.arange(4)[:, None] / 8


def per_feature(x):
    """All values of each feature: [features, values]."""
    return x.movedim(1, 0).reshape(x.shape[1], -1)


@few
@given(tensors("n d"), seeds, sampled_from([1e-5, 0.5]))
def test_layer_norm_follows_its_definition(x, seed, eps):
    """A row becomes (x - mean) / √(variance + eps) · weight + bias, with the variance divided by d."""
    weight, bias = affine(seed, x)
    agrees(layer_norm(x, weight, bias, eps), torch.stack([normalized(row, weight, bias, eps) for row in x]))


@few
@given(tensors("n d"), seeds, sampled_from([1e-6, 0.5]))
def test_rms_norm_follows_its_definition(x, seed, eps):
    """A row becomes x / √(mean of x² + eps) · weight."""
    weight, bias = affine(seed, x)
    agrees(rms_norm(x, weight, eps), torch.stack([normalized(row, weight, 0 * bias, eps, recentred=False) for row in x]))


@few
@given(tensors("... n d"), seeds)
def test_no_row_knows_another(x, seed):
    """With any leading axes, a row alone becomes what it becomes among others, by either norm."""
    weight, bias = affine(seed, x)
    one = (0,) * (x.ndim - 1)
    agrees(layer_norm(x, weight, bias)[one], normalized(x[one], weight, bias, 1e-5))
    agrees(rms_norm(x, weight)[one], normalized(x[one], weight, 0 * bias, 1e-6, recentred=False))


@few
@given(tensors("n d"), sampled_from([0.5, 4.0]), sampled_from([-3.0, 100.0]))
def test_layer_norm_sees_neither_shift_nor_scale(x, scale, shift):
    """Without eps, scaling a row and adding a number to it changes nothing."""
    x, ones = x.double() + torch.arange(x.shape[1]) / 8, torch.ones(x.shape[1]).double()
    agrees(layer_norm(scale * x + shift, ones, 0 * ones, 1e-15), layer_norm(x, ones, 0 * ones, 1e-15))


@few
@given(integers(1, 6), sampled_from([-3.0, 0.5, 7.0]))
def test_rms_norm_keeps_what_all_entries_share(d, entry):
    """A row of equal entries becomes plus or minus the weight: only its size is taken away."""
    weight = torch.arange(1.0, d + 1)
    agrees(rms_norm(torch.full((2, d), entry), weight, 1e-12), (math.copysign(1, entry) * weight).repeat(2, 1))


@few
@given(integers(1, 5), seeds, sampled_from([0.0, 0.25, 3.0]))
def test_equal_entries_have_a_finite_gradient(d, seed, entry):
    """A row of equal entries becomes the bias, a row of zeros zeros, and their gradients are right."""
    x, weight, bias = torch.full((2, d), entry).requires_grad_(), *affine(seed, torch.ones(1, d))
    agrees(layer_norm(x, weight, bias), bias.repeat(2, 1))
    right = F.layer_norm(x, (d,), weight, bias)
    agrees(*(gradients(y, x, seed=seed)[0] for y in (layer_norm(x, weight, bias), right)), 1e-3, 1e-3)
    zeros = torch.zeros(2, d).requires_grad_()
    direction = quarters(seed, 2, d) * weight / math.sqrt(1e-6)
    agrees(gradients(rms_norm(zeros, weight), zeros, seed=seed)[0], direction, 1e-3, 1e-3)


@few
@given(seeds, integers(2, 6))
def test_a_common_offset_costs_no_precision(seed, d):
    """Entries near 4096 become what they would become near 0, up to the rounding of their mean."""
    x, ones = quarters(seed, 3, d) + torch.arange(d), torch.ones(d)
    rounding = {"atol": 2e-3, "rtol": 2e-3}
    agrees(layer_norm(x + 4096, ones, 0 * ones), layer_norm(x, ones, 0 * ones), **rounding)
    agrees(BatchNorm(3)((x + 4096).T), BatchNorm(3)(x.T), **rounding)


@few
@given(tensors("... n d"), seeds)
def test_layer_norm_has_the_right_gradients(x, seed):
    """The gradients by x, weight and bias are torch's."""
    inputs = [tensor.double().requires_grad_() for tensor in (x, *affine(seed, x))]
    right = F.layer_norm(inputs[0], x.shape[-1:], *inputs[1:])
    for got, expected in zip(gradients(layer_norm(*inputs), *inputs), gradients(right, *inputs), strict=True):
        agrees(got, expected)


@few
@given(tensors("... n d"), seeds)
def test_rms_norm_has_the_right_gradients(x, seed):
    """The gradients by x and weight are those of the definition."""
    x, weight = x.double().requires_grad_(), affine(seed, x)[0].double().requires_grad_()
    right = x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * weight
    for got, expected in zip(gradients(rms_norm(x, weight), x, weight), gradients(right, x, weight), strict=True):
        agrees(got, expected)


@few
@given(tensors("n d"), seeds)
def test_the_norms_keep_the_dtype(x, seed):
    """Both norms return the dtype of x, and nothing in between is coarser."""
    for dtype in dtypes:
        narrow, bound = x.to(dtype), exact if dtype == torch.float64 else {}
        weight, bias = affine(seed, narrow)
        for recentred, eps in ((True, 1e-5), (False, 1e-6)):
            y = layer_norm(narrow, weight, bias, eps) if recentred else rms_norm(narrow, weight, eps)
            rows = [normalized(row, weight.double(), bias.double() * recentred, eps, recentred) for row in narrow.double()]
            agrees(y, torch.stack(rows).to(dtype), **bound)


@few
@given(tensors("n d"), seeds)
def test_twice_the_weight_is_twice_the_result(x, seed):
    """The weight multiplies as it is: doubled, it doubles what rms_norm returns, and layer_norm without a bias."""
    weight, bias = affine(seed, x)
    agrees(rms_norm(x, 2 * weight), 2 * rms_norm(x, weight))
    agrees(layer_norm(x, 2 * weight, 0 * bias), 2 * layer_norm(x, weight, 0 * bias))


@few
@given(seeds, sampled_from([300.0, 10_000.0]), integers(2, 5))
def test_layer_norm_takes_large_entries_in_float16(seed, scale, d):
    """In float16, layer_norm makes of large entries what it makes of small ones in proportion."""
    x, ones = spaced(seed, d), torch.ones(d)
    got = layer_norm((scale * x).half(), ones.half(), 0 * ones.half())
    agrees(got, layer_norm(x, ones, 0 * ones, 1e-9).half())


@few
@given(seeds, sampled_from([300.0, 10_000.0]), integers(2, 5))
def test_rms_norm_takes_large_entries_in_float16(seed, scale, d):
    """In float16, rms_norm makes of large entries what it makes of small ones in proportion."""
    x, ones = spaced(seed, d), torch.ones(d)
    agrees(rms_norm((scale * x).half(), ones.half()), rms_norm(x, ones, 1e-9).half())


@few
@given(seeds, sampled_from([300.0, 10_000.0]), integers(2, 5))
def test_batch_norm_takes_large_entries_in_float16(seed, scale, d):
    """In float16, BatchNorm makes of large entries in training what it makes of small ones in proportion."""
    x = spaced(seed, d)
    agrees(trained(d, (scale * x).half())[1], BatchNorm(d, 1e-9)(x).half())


@few
@given(seeds)
def test_memory_layout_does_not_matter(seed):
    """Transposed views with gaps are treated like any other tensors, and no argument is modified."""
    x, (weight, bias) = quarters(seed, 6, 4).T[::2], affine(seed, torch.ones(1, 12))
    before, weight, bias = x.clone(), weight[::2], bias[::2]
    agrees(layer_norm(x, weight, bias), torch.stack([normalized(row, weight, bias, 1e-5) for row in before]))
    agrees(rms_norm(x, weight), torch.stack([normalized(row, weight, 0 * bias, 1e-6, recentred=False) for row in before]))
    agrees(trained(6, x)[1], trained(6, before)[1])
    agrees(x, before)


@very_few
@given(sampled_from([(0, 3), (2, 0, 4), (2, 1), (1, 1, 1)]))
def test_small_shapes_stay(shape):
    """A batch of none, and rows of one entry, come back in their own shape."""
    ones = torch.ones(shape[-1])
    agrees(layer_norm(torch.ones(shape), ones, ones), torch.ones(shape))
    agrees(rms_norm(torch.ones(shape), ones, 1e-12), torch.ones(shape))


@few
@given(integers(2, 4), integers(1, 3), sampled_from([(), (2,), (2, 3)]), seeds)
def test_batch_norm_normalizes_each_feature_of_the_batch(batch, features, positions, seed):
    """In training, a feature is normalized over the batch and all positions, by its biased variance."""
    x = quarters(seed, batch, features, *positions)
    y, one = trained(features, x)[1], torch.ones(per_feature(x).shape[1])
    agrees(per_feature(y), torch.stack([normalized(values, one, 0 * one, 1e-5) for values in per_feature(x)]))


@few
@given(tensors("n d"), seeds)
def test_batch_norm_starts_as_a_plain_norm(x, seed):
    """Its only parameters are a weight of ones and a bias of zeros, which multiply and add, and its state is four tensors."""
    module = BatchNorm(x.shape[1])
    assert sorted(module.state_dict()) == ["bias", "running_mean", "running_var", "weight"]
    assert len(list(module.parameters())) == 2
    for name, start in (("weight", 1.0), ("bias", 0.0)):
        agrees(dict(module.named_parameters())[name].detach(), torch.full(x.shape[1:], start))
    plain = module.eval()(x).detach()
    module.load_state_dict({**module.state_dict(), **dict(zip(("weight", "bias"), affine(seed, x), strict=True))})
    agrees(module(x).detach(), plain * affine(seed, x)[0] + affine(seed, x)[1])


@few
@given(seeds, integers(2, 5), sampled_from([(), (3,)]), sampled_from([0.25, 0.75]))
def test_the_running_mean_moves_by_momentum(seed, batch, positions, share):
    """Each batch in training moves running_mean to (1 - momentum) of the old and momentum, by default 0.1, of the new mean."""
    for module, momentum in ((BatchNorm(2), 0.1), (BatchNorm(2, momentum=share), share)):
        expected = torch.zeros(2)
        for step in range(3):
            x = quarters(seed + step, batch, 2, *positions)
            module(x)
            expected = (1 - momentum) * expected + momentum * per_feature(x).mean(1)
            agrees(module.running_mean, expected)


@few
@given(seeds, integers(2, 5), sampled_from([(), (3,)]), sampled_from([0.25, 0.75]))
def test_the_running_variance_is_unbiased(seed, batch, positions, momentum):
    """Each batch in training moves running_var to (1 - momentum) of the old and momentum of the new unbiased variance."""
    module, expected = BatchNorm(2, momentum=momentum), torch.ones(2)
    for step in range(3):
        x = quarters(seed + step, batch, 2, *positions)
        module(x)
        expected = (1 - momentum) * expected + momentum * per_feature(x).var(1, correction=1)
        agrees(module.running_var, expected)


@few
@given(seeds, sampled_from([(4, 3), (1, 3), (0, 3), (2, 3, 4), (1, 3, 1)]))
def test_evaluation_goes_by_the_running_averages(seed, shape):
    """After eval(), every value is normalized by the running averages of its feature, alone or in a batch."""
    module, _ = trained(3, quarters(seed, 5, 3), momentum=0.5)
    x, per = quarters(seed + 1, *shape), (-1, *[1] * (len(shape) - 2))
    mean, variance = module.running_mean.clone().view(per), module.running_var.clone().view(per)
    agrees(module.eval()(x).detach(), (x - mean) / (variance + 1e-5).sqrt())


@few
@given(seeds, sampled_from([(4, 3), (2, 3, 4)]))
def test_evaluation_moves_no_average(seed, shape):
    """After eval(), no batch changes the state."""
    module, _ = trained(3, quarters(seed, 5, 3))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.eval()(quarters(seed + 1, *shape))
    for name, value in module.state_dict().items():
        agrees(value, before[name])


@few
@given(sampled_from([(1, 3), (0, 3), (1, 3, 1), (2, 3, 0)]))
def test_a_single_value_is_refused_in_training(shape):
    """In training, fewer than two values per feature raise ValueError and leave the running averages alone."""
    module = BatchNorm(3)
    assert refuses(ValueError, module, torch.ones(shape))
    agrees(module.running_mean, torch.zeros(3))
    agrees(module.running_var, torch.ones(3))


@few
@given(seeds, sampled_from([(4, 3), (2, 3, 4), (1, 3, 2)]))
def test_gradients_flow_through_the_statistics_of_the_batch(seed, shape):
    """In training, the gradients by x, weight and bias are torch's."""
    module, x = BatchNorm(3).double(), quarters(seed, *shape).double().requires_grad_()
    weight, bias = (p.detach().clone().requires_grad_() for p in (module.weight, module.bias))
    right = F.batch_norm(x, None, None, weight, bias, training=True)
    expected = gradients(right, x, weight, bias, seed=seed)
    for got, known in zip(gradients(module(x), x, module.weight, module.bias, seed=seed), expected, strict=True):
        agrees(got, known)


@very_few
@given(seeds)
def test_the_running_averages_hold_no_graph(seed):
    """After a batch that asks for gradients, the running averages ask for none, and a second batch can go backward."""
    module = BatchNorm(3)
    for step in range(2):
        module(quarters(seed + step, 4, 3).requires_grad_()).square().sum().backward()
        assert not module.running_mean.requires_grad
        assert not module.running_var.requires_grad


@few
@given(seeds)
def test_batch_norm_keeps_the_dtype(seed):
    """A module in another dtype takes and returns it, in training and after it, up to rounding."""
    for dtype in dtypes:
        x, bound = normal(seed, 5, 3).to(dtype), exact if dtype == torch.float64 else {}
        (module, y), wide, one = trained(3, x), trained(3, x.double())[0], torch.ones(5).double()
        right = torch.stack([normalized(column, one, 0 * one, 1e-5) for column in x.double().T]).T
        agrees(y, right.to(dtype), **bound)
        agrees(module.eval()(x), wide.eval()(x.double()).to(dtype), **bound)
