import torch
from jaxtyping import Float
from torch import Tensor, nn


def layer_norm(
    x: Float[Tensor, "... d"], weight: Float[Tensor, " d"], bias: Float[Tensor, " d"], eps: float = 1e-5
) -> Float[Tensor, "... d"]:
    """Each row of `x` less its mean, over the root of its variance plus `eps`, times `weight`, plus `bias`.

    The variance is biased: the mean of squared deviations. In the dtype of `x`. Source: Ba, Kiros and Hinton 2016.
    """
    wide = _accurate(x)
    # Of the deviations, never the mean of squares minus the square of the mean: where the mean is large, both are, and what
    # is left of their difference is rounding.
    variance, mean = torch.var_mean(wide, -1, keepdim=True, correction=0)
    return ((wide - mean) * (variance + eps).rsqrt() * weight + bias).to(x.dtype)


def rms_norm(x: Float[Tensor, "... d"], weight: Float[Tensor, " d"], eps: float = 1e-6) -> Float[Tensor, "... d"]:
    """Each row of `x` over the root of its mean square plus `eps`, times `weight`, in the dtype of `x`.

    Source: Zhang and Sennrich 2019.
    """
    wide = _accurate(x)
    return (wide * (wide.square().mean(-1, keepdim=True) + eps).rsqrt() * weight).to(x.dtype)


class BatchNorm(nn.Module):
    """Normalizes each feature, axis 1 of `x`, over all other axes; outside training, by running averages of training.

    Raises ValueError in training where a feature has fewer than two values. Source: Ioffe and Szegedy 2015, as in torch: the
    running variance is unbiased, and `momentum` is the weight of what is new.
    """

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))  # not learned, but saved and moved with the weights
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x: Float[Tensor, "batch features ..."]) -> Float[Tensor, "batch features ..."]:
        wide = _accurate(x)
        variance, mean = self._of_the_batch(wide) if self.training else (self.running_var, self.running_mean)
        scale = self.weight * (variance + self.eps).rsqrt()
        per_feature = (-1, *[1] * (x.ndim - 2))  # [features, 1, …], which broadcasts over the batch and all positions
        shift, scale, bias = (statistic.view(per_feature) for statistic in (mean, scale, self.bias))
        return ((wide - shift) * scale + bias).to(x.dtype)

    def _of_the_batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The biased variance and the mean of each feature; the running averages take them in."""
        count = x.shape[0] * x.shape[2:].numel()
        if count < 2:
            raise ValueError(f"the variance of {count} values says nothing, and the output would not depend on x")
        variance, mean = torch.var_mean(x, [axis for axis in range(x.ndim) if axis != 1], correction=0)
        with torch.no_grad():  # else the average would hold on to the graph of every batch so far
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            unbiased = variance * (count / (count - 1))  # an estimate for data to come; the batch itself has no unseen rest
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        return variance, mean


def _accurate(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Half precision in float32: the square of 300 is beyond float16, and a sum in bfloat16 soon stops growing."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
