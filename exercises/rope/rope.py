import torch
from jaxtyping import Float, Int
from torch import Tensor


def rotate(
    x: Float[Tensor, "... time d"], positions: Int[Tensor, "... time"], base: float = 10_000.0
) -> Float[Tensor, "... time d"]:
    """`x` with columns i and i + d/2 of each row turned by the angle position / base^(2i/d), in the dtype of `x`.

    `positions` broadcast to `x` without its last axis. Raises ValueError for an odd `d`, or one below 2.
    Source: Su et al. 2021, RoFormer, with the pairs of GPT-NeoX.
    """
    raise NotImplementedError


def from_interleaved(weight: Float[Tensor, "heads*d ..."], heads: int) -> Float[Tensor, "heads*d ..."]:
    """The rows of a projection whose pairs are neighbours, reordered within each head for `rotate`, whose pairs are halves.

    Raises ValueError where a head would not have an even number of rows.
    """
    raise NotImplementedError
