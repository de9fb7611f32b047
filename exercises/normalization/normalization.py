import torch
from jaxtyping import Float
from torch import Tensor, nn


def layer_norm(
    x: Float[Tensor, "... d"], weight: Float[Tensor, " d"], bias: Float[Tensor, " d"], eps: float = 1e-5
) -> Float[Tensor, "... d"]:
    """Each row of `x` less its mean, over the root of its variance plus `eps`, times `weight`, plus `bias`.

    The variance is biased: the mean of squared deviations. In the dtype of `x`. Source: Ba, Kiros and Hinton 2016.
    """
    raise NotImplementedError


def rms_norm(x: Float[Tensor, "... d"], weight: Float[Tensor, " d"], eps: float = 1e-6) -> Float[Tensor, "... d"]:
    """Each row of `x` over the root of its mean square plus `eps`, times `weight`, in the dtype of `x`.

    Source: Zhang and Sennrich 2019.
    """
    raise NotImplementedError


class BatchNorm(nn.Module):
    """Normalizes each feature, axis 1 of `x`, over all other axes; outside training, by running averages of training.

    Raises ValueError in training where a feature has fewer than two values. Source: Ioffe and Szegedy 2015, as in torch: the
    running variance is unbiased, and `momentum` is the weight of what is new.
    """

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        raise NotImplementedError

    def forward(self, x: Float[Tensor, "batch features ..."]) -> Float[Tensor, "batch features ..."]:
        raise NotImplementedError
