import torch
from torch import nn


class Thinning(torch.autograd.Function):
    """Remembers a boolean mask, a quarter of the memory of a float32 one, and scales in both directions."""

    @staticmethod
    def forward(ctx, x, p):
        ctx.scale = 0.0 if p == 1 else 1 / (1 - p)
        keep = torch.rand(x.shape) >= p
        ctx.save_for_backward(keep)
        return torch.where(keep, x * ctx.scale, 0.0)

    @staticmethod
    def backward(ctx, gradient):
        (keep,) = ctx.saved_tensors
        return torch.where(keep, gradient * ctx.scale, 0.0), None


def dropout(x, p, training):
    if 0 <= p <= 1:
        return Thinning.apply(x, p) if training else x
    raise ValueError(p)


class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(p)
        self.rate = p

    def forward(self, x):
        return dropout(x, self.rate, self.training)
