"""Five mistakes of rotary positions, made again by another route: each must still be recognized under its name."""

import torch

from grader.kit import instead_of


@instead_of("rotate")
def pairs_neighbours(x, positions, base=10_000.0):
    d = x.shape[-1]
    if d == 0 or d % 2 == 1:
        raise ValueError(d)
    rates = torch.tensor([base ** (-2 * i / d) for i in range(d // 2)], dtype=torch.float64)
    angles = positions.double()[..., None] * rates
    turn = torch.polar(torch.ones_like(angles), angles)
    pairs = torch.view_as_complex(x.double().reshape(*x.shape[:-1], -1, 2).contiguous())
    return torch.view_as_real(pairs * turn).flatten(-2).to(x.dtype)


@instead_of("rotate")
def turns_the_other_way(x, positions, base=10_000.0):
    d = x.shape[-1]
    if d == 0 or d % 2 == 1:
        raise ValueError(d)
    angles = torch.cat([positions.double()[..., None] / base ** (torch.arange(0, d, 2).double() / d)] * 2, -1)
    half = torch.cat([x[..., d // 2 :], -x[..., : d // 2]], -1)
    return x * angles.cos().to(x.dtype) + half * angles.sin().to(x.dtype)


@instead_of("rotate")
def uses_the_new_first_half_for_the_second(x, positions, base=10_000.0):
    d = x.shape[-1]
    if d == 0 or d % 2 == 1:
        raise ValueError(d)
    y = x.clone()
    for i in range(d // 2):
        angle = positions.double() / base ** (2 * i / d)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        y[..., i] = y[..., i].clone() * cos - y[..., i + d // 2].clone() * sin
        y[..., i + d // 2] = y[..., i].clone() * sin + y[..., i + d // 2].clone() * cos
    return y


@instead_of("rotate")
def counts_rows_in_place_of_positions(x, positions, base=10_000.0):
    d = x.shape[-1]
    if d == 0 or d % 2 == 1:
        raise ValueError(d)
    turned = []
    for t, row in enumerate(x.unbind(-2)):
        angles = torch.tensor([t / base ** (2 * i / d) for i in range(d // 2)], dtype=torch.float64)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        one, other = row.split(d // 2, -1)
        turned.append(torch.cat([one * cos - other * sin, other * cos + one * sin], -1))
    return torch.stack(turned, -2)


@instead_of("from_interleaved")
def converts_the_other_way(weight, heads):
    half, left = divmod(len(weight), 2 * heads)
    if left:
        raise ValueError(left)
    order = [head * 2 * half + j // 2 + half * (j % 2) for head in range(heads) for j in range(2 * half)]
    return weight[order]
