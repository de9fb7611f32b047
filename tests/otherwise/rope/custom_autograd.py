import numpy as np
import torch


class Rotation(torch.autograd.Function):
    """Backward is the rotation by the opposite angles."""

    @staticmethod
    def forward(ctx, x, angles):
        ctx.angles = angles
        return turned(x, angles)

    @staticmethod
    def backward(ctx, gradient):
        return turned(gradient, -ctx.angles), None


def turned(x, angles):
    half = x.shape[-1] // 2
    cos, sin = torch.from_numpy(np.cos(angles)).to(x.dtype), torch.from_numpy(np.sin(angles)).to(x.dtype)
    y = torch.empty_like(x)
    y[..., :half] = x[..., :half] * cos - x[..., half:] * sin
    y[..., half:] = x[..., half:] * cos + x[..., :half] * sin
    return y


def rotate(x, positions, base=10_000.0):
    d = x.shape[-1]
    if d not in range(2, d + 1, 2):
        raise ValueError(d)
    return Rotation.apply(x, positions.numpy()[..., None] * float(base) ** (np.arange(0, -d, -2) / d))


def from_interleaved(weight, heads):
    if len(weight) % (heads * 2) != 0:
        raise ValueError(heads)
    width = len(weight) // heads
    new = torch.empty_like(weight)
    for head in range(heads):
        for i in range(width // 2):
            new[head * width + i] = weight[head * width + 2 * i]
            new[head * width + i + width // 2] = weight[head * width + 2 * i + 1]
    return new
