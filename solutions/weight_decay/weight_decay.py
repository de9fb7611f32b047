from collections.abc import Iterable
from math import inf
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


def penalty(parameters: Iterable[Float[Tensor, "..."]], l1: float = 0.0, l2: float = 0.0) -> Float[Tensor, ""]:
    """l1 · Σ |w| + l2 / 2 · Σ w² over all entries w, to be added to a loss; in float32, or in float64 where a parameter is.

    Raises ValueError for a coefficient that is negative, infinite or NaN. Source: Tibshirani 1996 (l1); Krogh and Hertz 1992.
    """
    _check(l1, l2)
    total = torch.zeros(())
    for parameter in parameters:  # in one pass: a generator has no second
        w = parameter.to(torch.promote_types(parameter.dtype, torch.float32))  # squares and long sums overflow float16
        total = total + l1 * w.abs().sum() + l2 / 2 * w.square().sum()
    return total


def couple(parameters: Iterable[Float[Tensor, "..."]], l1: float = 0.0, l2: float = 0.0) -> None:
    """Add to every gradient what `penalty` would have added, without autograd. A parameter without a gradient gets none.

    Raises ValueError for a coefficient that is negative, infinite or NaN.
    """
    _check(l1, l2)
    for parameter in _trained(parameters):
        with torch.no_grad():
            parameter.grad.add_(parameter, alpha=l2).add_(parameter.sign(), alpha=l1)


def decay(parameters: Iterable[Float[Tensor, "..."]], lr: float, weight_decay: float) -> None:
    """Multiply every parameter that has a gradient by 1 - lr · weight_decay, in place; gradients stay as they are.

    Raises ValueError for a number that is negative, infinite or NaN. Source: Loshchilov and Hutter 2019; torch.optim.AdamW.
    """
    _check(lr, weight_decay)
    for parameter in _trained(parameters):
        with torch.no_grad():
            parameter.mul_(1 - lr * weight_decay)


def shrink(parameters: Iterable[Float[Tensor, "..."]], lr: float, l1: float) -> None:
    """Move every entry of a parameter that has a gradient by lr · l1 towards zero, in place, and never beyond it.

    Raises ValueError for a number that is negative, infinite or NaN. Source: Daubechies et al. 2004 (soft thresholding).
    """
    _check(lr, l1)
    for parameter in _trained(parameters):
        with torch.no_grad():
            parameter.sub_(parameter.clamp(-lr * l1, lr * l1))  # takes away all of what is small, and never more


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups for an optimizer: what decays, with two or more axes, and what does not, with 0.0; each in the model's order.

    Raises ValueError for a weight_decay that is negative, infinite or NaN.
    """
    _check(weight_decay)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]  # a shared one appears once
    return [
        {"params": [parameter for parameter in trainable if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trainable if parameter.ndim < 2], "weight_decay": 0.0},
    ]


def _trained(parameters: Iterable[Float[Tensor, "..."]]) -> Iterable[Float[Tensor, "..."]]:
    """Those that the loss has reached. The others must not move: a frozen layer would fade away."""
    return (parameter for parameter in parameters if parameter.grad is not None)


def _check(*numbers: float) -> None:
    if not all(0 <= number < inf for number in numbers):  # written so that NaN is refused too
        raise ValueError(f"coefficients are finite and not negative, unlike one of {numbers}")
