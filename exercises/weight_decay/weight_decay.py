from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


def penalty(parameters: Iterable[Float[Tensor, "..."]], l1: float = 0.0, l2: float = 0.0) -> Float[Tensor, ""]:
    """l1 · Σ |w| + l2 / 2 · Σ w² over all entries w, to be added to a loss; in float32, or in float64 where a parameter is.

    Raises ValueError for a coefficient that is negative, infinite or NaN. Source: Tibshirani 1996 (l1); Krogh and Hertz 1992.
    """
    raise NotImplementedError


def couple(parameters: Iterable[Float[Tensor, "..."]], l1: float = 0.0, l2: float = 0.0) -> None:
    """Add to every gradient what `penalty` would have added, without autograd. A parameter without a gradient gets none.

    Raises ValueError for a coefficient that is negative, infinite or NaN.
    """
    raise NotImplementedError


def decay(parameters: Iterable[Float[Tensor, "..."]], lr: float, weight_decay: float) -> None:
    """Multiply every parameter that has a gradient by 1 - lr · weight_decay, in place; gradients stay as they are.

    Raises ValueError for a number that is negative, infinite or NaN. Source: Loshchilov and Hutter 2019; torch.optim.AdamW.
    """
    raise NotImplementedError


def shrink(parameters: Iterable[Float[Tensor, "..."]], lr: float, l1: float) -> None:
    """Move every entry of a parameter that has a gradient by lr · l1 towards zero, in place, and never beyond it.

    Raises ValueError for a number that is negative, infinite or NaN. Source: Daubechies et al. 2004 (soft thresholding).
    """
    raise NotImplementedError


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups for an optimizer: what decays, with two or more axes, and what does not, with 0.0; each in the model's order.

    Raises ValueError for a weight_decay that is negative, infinite or NaN.
    """
    raise NotImplementedError
