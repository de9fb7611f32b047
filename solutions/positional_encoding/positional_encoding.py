import torch
from jaxtyping import Float, Int
from torch import Tensor


def positional_encoding(
    positions: Int[Tensor, "..."], d: int, base: float = 10_000.0, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "... d"]:
    """For each position, sines and cosines in turn: columns 2i and 2i + 1 of the angle position / base^(2i/d).

    Raises ValueError for an odd `d`, or one below 2. Source: Vaswani et al. 2017, 3.5.
    """
    if d < 2 or d % 2:
        raise ValueError(f"sines and cosines come in pairs, and {d} is not a number of pairs")
    # An angle may be a million, and its sine needs what is behind the point. float32 would leave a single digit there.
    rates = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    angles = positions.unsqueeze(-1) * rates.to(positions.device)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2).to(dtype)  # stacked last, so that they alternate


def add_positions(x: Float[Tensor, "... time d"], start: int = 0, base: float = 10_000.0) -> Float[Tensor, "... time d"]:
    """`x` plus the encoding of positions start, start + 1, … along its second last axis, in the dtype of `x`.

    Raises ValueError for an odd `d`, or one below 2.
    """
    time, d = x.shape[-2:]
    positions = torch.arange(start, start + time, device=x.device)
    return x + positional_encoding(positions, d, base, x.dtype)


def shift(offset: int, d: int, base: float = 10_000.0, dtype: torch.dtype = torch.float32) -> Float[Tensor, "d d"]:
    """The matrix that takes the encoding of any position p to that of p + offset.

    Raises ValueError for an odd `d`, or one below 2. Source: the addition theorems of sine and cosine.
    """
    pairs = positional_encoding(torch.tensor(offset), d, base, torch.float64).unflatten(-1, (d // 2, 2))
    # sin(a + b) = sin a cos b + cos a sin b, and cos(a + b) = cos a cos b - sin a sin b: a rotation for each pair, by an angle
    # that depends on the offset alone.
    rotations = [torch.stack([torch.stack([cos, sin]), torch.stack([-sin, cos])]) for sin, cos in pairs]
    return torch.block_diag(*rotations).to(dtype)
