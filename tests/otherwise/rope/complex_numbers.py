import torch


def rotate(x, positions, base=10_000.0):
    """A column and its partner are one complex number, and a turn is a product; in double precision throughout."""
    d = x.shape[-1]
    if d % 2 or not d:
        raise ValueError(d)
    angles = positions.double().unsqueeze(-1) / base ** (torch.arange(d // 2).double() * 2 / d)
    turned = torch.complex(*x.double().chunk(2, -1)) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([turned.real, turned.imag], -1).to(x.dtype)


def from_interleaved(weight, heads):
    if len(weight) % (2 * heads):
        raise ValueError(heads)
    return torch.cat([rows for head in weight.chunk(heads) for rows in (head[0::2], head[1::2])])
