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
    d = x.shape[-1]
    if d < 2 or d % 2:
        raise ValueError(f"columns turn in pairs, and {d} is not a number of pairs")
    # Angles reach a million, so they are made in float64, whatever x is. Only their sines and cosines may be rounded.
    rates = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    angles = positions.unsqueeze(-1) * rates.to(x.device)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)  # both from the old halves


def from_interleaved(weight: Float[Tensor, "heads*d ..."], heads: int) -> Float[Tensor, "heads*d ..."]:
    """The rows of a projection whose pairs are neighbours, reordered within each head for `rotate`, whose pairs are halves.

    Raises ValueError where a head would not have an even number of rows.
    """
    if heads < 1 or len(weight) % (2 * heads):
        raise ValueError(f"{len(weight)} rows are not {heads} heads of pairs")
    # A score is a sum over columns, so any order will do that queries and keys share; what counts is who turns with whom.
    return weight.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)
