import numpy as np
import torch


def positional_encoding(positions, d, base=10_000.0, dtype=torch.float32):
    """A cosine is a sine a quarter turn ahead."""
    if d < 2 or d % 2 == 1:
        raise ValueError(d)
    columns = np.arange(d)
    angles = positions.numpy()[..., None] * np.power(float(base), -(columns - columns % 2) / d)
    return torch.from_numpy(np.where(columns % 2 == 0, np.sin(angles), np.cos(angles))).to(dtype)


class Added(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, table):
        return x + table

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def add_positions(x, start=0, base=10_000.0):
    return Added.apply(x, positional_encoding(torch.arange(start, start + x.shape[-2]), x.shape[-1], base, x.dtype))


def shift(offset, d, base=10_000.0, dtype=torch.float32):
    """The one map that takes d positions to their shifted ones would be ill-conditioned; d/2 rotations are not."""
    sine, cosine = positional_encoding(torch.tensor(offset), d, base, torch.float64).numpy().reshape(-1, 2).T
    matrix = np.zeros((d // 2, 2, d // 2, 2))
    pairs = np.arange(d // 2)
    matrix[pairs, :, pairs, :] = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], 1)
    return torch.from_numpy(matrix.reshape(d, d)).to(dtype)
