import torch
from jaxtyping import Float
from torch import Tensor


def softmax(x: Float[Tensor, "..."], dim: int = -1, temperature: float = 1.0) -> Float[Tensor, "..."]:
    """exp(x / temperature) over its sum along `dim`, in the dtype of `x`; zeros for a slice that is -inf throughout.

    Raises ValueError unless 0 < temperature < inf. Source: Bridle 1990; the temperature after Hinton et al. 2015.
    """
    raise NotImplementedError


def softmax_jvp(
    p: Float[Tensor, "..."], v: Float[Tensor, "..."], dim: int = -1, temperature: float = 1.0
) -> Float[Tensor, "..."]:
    """How `p` = softmax(x, dim, temperature) changes as x moves along `v`: each slice's Jacobian times its `v`.

    In the dtype of `p`, and in memory in proportion to it. Raises ValueError unless 0 < temperature < inf.
    """
    raise NotImplementedError
