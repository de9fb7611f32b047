import math

import torch


def softmax(x, dim=-1, temperature=1.0):
    """One slice after the other; one without possibilities never sees an exponential."""
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ValueError(temperature)
    slices = x.movedim(dim, -1).double()
    shares = []
    for entries in slices.reshape(-1, slices.shape[-1]):
        top = entries.max().item()
        if top == -math.inf:
            shares.append(torch.zeros_like(entries))
        else:
            powers = torch.pow(math.e, (entries - top) / temperature)
            shares.append(powers / powers.sum())
    result = torch.stack(shares).reshape(slices.shape) if shares else slices
    return result.movedim(-1, dim).to(x.dtype)


def softmax_jvp(p, v, dim=-1, temperature=1.0):
    """In plain numbers."""
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ValueError(temperature)
    shares, directions = p.movedim(dim, -1), v.movedim(dim, -1)
    slices = (x.reshape(-1, shares.shape[-1]).tolist() for x in (shares, directions))
    rows = []
    for row, direction in zip(*slices, strict=True):
        mean = math.fsum(a * b for a, b in zip(row, direction, strict=True))
        rows.append([a * (b - mean) / temperature for a, b in zip(row, direction, strict=True)])
    return torch.tensor(rows, dtype=torch.float64).reshape(shares.shape).movedim(-1, dim).to(p.dtype)
