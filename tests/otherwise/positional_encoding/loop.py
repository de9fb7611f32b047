import math

import torch


def row(p, d, base):
    angles = [p / base ** (column // 2 * 2 / d) for column in range(d)]
    return [math.cos(angle) if column % 2 else math.sin(angle) for column, angle in enumerate(angles)]


def positional_encoding(positions, d, base=10_000.0, dtype=torch.float32):
    if d not in range(2, 10**9, 2):
        raise ValueError(d)
    rows = [row(p, d, base) for p in positions.flatten().tolist()]
    return torch.tensor(rows, dtype=torch.float64).reshape(*positions.shape, d).to(dtype)


def add_positions(x, start=0, base=10_000.0):
    table = positional_encoding(torch.arange(x.shape[-2]) + start, x.shape[-1], base, torch.float64)
    return (x.double() + table).to(x.dtype)


def shift(offset, d, base=10_000.0, dtype=torch.float32):
    turn = positional_encoding(torch.tensor(offset), d, base, torch.float64).tolist()
    matrix = torch.zeros(d, d, dtype=dtype)
    for i in range(0, d, 2):
        sine, cosine = turn[i], turn[i + 1]
        matrix[i, i], matrix[i, i + 1] = cosine, sine
        matrix[i + 1, i], matrix[i + 1, i + 1] = -sine, cosine
    return matrix
