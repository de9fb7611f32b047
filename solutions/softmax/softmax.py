import math

import torch
from jaxtyping import Float
from torch import Tensor


def softmax(x: Float[Tensor, "..."], dim: int = -1, temperature: float = 1.0) -> Float[Tensor, "..."]:
    """exp(x / temperature) over its sum along `dim`, in the dtype of `x`; zeros for a slice that is -inf throughout.

    Raises ValueError unless 0 < temperature < inf. Source: Bridle 1990; the temperature after Hinton et al. 2015.
    """
    _check(temperature)
    wide = _accurate(x)
    # A constant added to a slice cancels, so subtract the one that makes its largest exponential exp(0) = 1. Detached: what
    # cancels has a gradient of zero. Clamped: in a slice of nothing but -inf, -inf - (-inf) would be NaN.
    top = wide.detach().amax(dim, keepdim=True).clamp(min=torch.finfo(wide.dtype).min)
    weights = ((wide - top) / temperature).exp()  # in this order: x / temperature might overflow, a difference <= 0 may
    total = weights.sum(dim, keepdim=True).clamp(min=1.0)  # at least that exp(0), or 0 where nothing is possible
    return (weights / total).to(x.dtype)  # a new tensor: backward still needs `weights` as it is


def softmax_jvp(
    p: Float[Tensor, "..."], v: Float[Tensor, "..."], dim: int = -1, temperature: float = 1.0
) -> Float[Tensor, "..."]:
    """How `p` = softmax(x, dim, temperature) changes as x moves along `v`: each slice's Jacobian times its `v`.

    In the dtype of `p`, and in memory in proportion to it. Raises ValueError unless 0 < temperature < inf.
    """
    _check(temperature)
    wide, direction = _accurate(p), _accurate(v)
    # J = (diag(p) - p pᵀ) / temperature, and p pᵀ v needs one number per slice: the mean of v under p. J is symmetric, so
    # this is the backward pass too, with v the gradient that comes in.
    mean = (wide * direction).sum(dim, keepdim=True)
    return (wide * (direction - mean) / temperature).to(p.dtype)


def _check(temperature: float) -> None:
    if not 0 < temperature < math.inf:  # written so that NaN is refused too
        raise ValueError(f"a temperature is positive and finite, not {temperature}")


def _accurate(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Half precision in float32: in float16, a sum over a large vocabulary passes 65,504, and then every share is zero."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
