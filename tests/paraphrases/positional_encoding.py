"""Four mistakes of the positional encoding, made again by another route: each must still be recognized under its name."""

import math

import torch

from grader.kit import instead_of
from solutions.positional_encoding.positional_encoding import positional_encoding


@instead_of("positional_encoding")
def puts_all_sines_first(positions, d, base=10_000.0, dtype=torch.float32):
    if d % 2 or d <= 0:
        raise ValueError("d")
    out = torch.zeros(*positions.shape, d, dtype=torch.float64)
    for i in range(d // 2):
        angle = positions.double() / base ** (2 * i / d)
        out[..., i], out[..., i + d // 2] = angle.sin(), angle.cos()
    return out.to(dtype)


@instead_of("positional_encoding")
def doubles_the_exponent(positions, d, base=10_000.0, dtype=torch.float32):
    if d % 2 or d <= 0:
        raise ValueError("d")
    out = torch.zeros(*positions.shape, d, dtype=torch.float64)
    for i in range(0, d, 2):
        angle = positions.double() / math.pow(base, 2 * i / d)
        out[..., i], out[..., i + 1] = angle.sin(), angle.cos()
    return out.to(dtype)


@instead_of("positional_encoding")
def computes_angles_in_float32(positions, d, base=10_000.0, dtype=torch.float32):
    if d % 2 or d <= 0:
        raise ValueError("d")
    rates = torch.exp(torch.arange(0, d, 2).float() * (-math.log(base) / d))
    out = torch.zeros(*positions.shape, d)
    out[..., 0::2] = torch.sin(positions.float().unsqueeze(-1) * rates)
    out[..., 1::2] = torch.cos(positions.float().unsqueeze(-1) * rates)
    return out.to(dtype)


@instead_of("add_positions")
def starts_every_chunk_at_zero(x, start=0, base=10_000.0):
    rows = [positional_encoding(torch.tensor(t), x.shape[-1], base, x.dtype) for t in range(x.size(-2))]
    return x + torch.stack(rows) if rows else x + positional_encoding(torch.arange(0), x.shape[-1], base, x.dtype)
