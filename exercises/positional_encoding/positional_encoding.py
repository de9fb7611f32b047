import torch
from jaxtyping import Float, Int
from torch import Tensor


def positional_encoding(
    positions: Int[Tensor, "..."], d: int, base: float = 10_000.0, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "... d"]:
    """For each position, sines and cosines in turn: columns 2i and 2i + 1 of the angle position / base^(2i/d).

    Raises ValueError for an odd `d`, or one below 2. Source: Vaswani et al. 2017, 3.5.
    """
    raise NotImplementedError


def add_positions(x: Float[Tensor, "... time d"], start: int = 0, base: float = 10_000.0) -> Float[Tensor, "... time d"]:
    """`x` plus the encoding of positions start, start + 1, … along its second last axis, in the dtype of `x`.

    Raises ValueError for an odd `d`, or one below 2.
    """
    raise NotImplementedError


def shift(offset: int, d: int, base: float = 10_000.0, dtype: torch.dtype = torch.float32) -> Float[Tensor, "d d"]:
    """The matrix that takes the encoding of any position p to that of p + offset.

    Raises ValueError for an odd `d`, or one below 2. Source: the addition theorems of sine and cosine.
    """
    raise NotImplementedError
