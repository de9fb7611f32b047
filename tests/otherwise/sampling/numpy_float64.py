"""In numpy, in float64, and drawn by inverting the distribution function."""

import numpy
import torch


def distribution(logits, temperature=1.0, top_k=None, top_p=1.0):
    if not (numpy.isfinite(temperature) and temperature >= 0 and 0 < top_p <= 1 and (top_k is None or top_k >= 1)):
        raise ValueError("settings")
    x = logits.detach().double().numpy()
    order = numpy.argsort(-x, axis=-1, kind="stable")
    x = numpy.take_along_axis(x, order, -1)
    x = x - x[..., :1]
    if temperature == 0:
        x[..., 1:] = -numpy.inf
    else:
        with numpy.errstate(over="ignore"):
            x = x / temperature
    if top_k is not None:
        x[..., top_k:] = -numpy.inf
    weights = numpy.exp(x)
    if top_p < 1:
        sums = numpy.cumsum(weights, -1)
        reached = numpy.concatenate([numpy.zeros_like(sums[..., :1]), sums[..., :-1]], -1) >= top_p * sums[..., -1:]
        weights[reached] = 0
    result = numpy.zeros_like(weights)
    numpy.put_along_axis(result, order, weights / weights.sum(-1, keepdims=True), -1)
    return torch.from_numpy(result).to(torch.promote_types(logits.dtype, torch.float32))


def sample(logits, temperature=1.0, top_k=None, top_p=1.0, generator=None):
    sums = distribution(logits.double(), temperature, top_k, top_p).cumsum(-1)
    coins = torch.rand((*logits.shape[:-1], 1), dtype=torch.float64, generator=generator)
    return torch.searchsorted(sums, coins * sums[..., -1:], right=True)[..., 0]
