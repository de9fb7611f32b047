import torch


def phases(positions, d, base):
    """e^(i angle) for each pair, complex128."""
    if d < 2 or d & 1:
        raise ValueError(d)
    rates = torch.tensor([base ** (-2 * i / d) for i in range(d // 2)], dtype=torch.float64)
    angles = positions.double()[..., None] * rates
    return torch.polar(torch.ones_like(angles), angles)


def positional_encoding(positions, d, base=10_000.0, dtype=torch.float32):
    return torch.view_as_real(phases(positions, d, base)).flip(-1).flatten(-2).to(dtype)


def add_positions(x, start=0, base=10_000.0):
    time, d = x.shape[-2:]
    return torch.add(x, positional_encoding(torch.arange(time) + start, d, base, x.dtype).expand_as(x))


def shift(offset, d, base=10_000.0, dtype=torch.float32):
    """Multiplies every unit vector by e^(i angle): cos + i sin, of which the imaginary part stands first."""
    turn = phases(torch.tensor(offset), d, base)
    unit = torch.view_as_complex(torch.eye(d, dtype=torch.float64).unflatten(-1, (-1, 2)).flip(-1).contiguous())
    return torch.view_as_real(unit * turn).flip(-1).flatten(-2).T.to(dtype)
