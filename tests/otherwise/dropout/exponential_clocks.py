import math

import torch
from torch import nn


def dropout(x, p, training):
    """An element survives if a clock of rate one rings after -log(1 - p): with probability 1 - p. Computed in float64."""
    if p != min(max(p, 0), 1):
        raise ValueError(p)
    if not training:
        return x.clone()
    clocks = torch.empty(x.shape, dtype=torch.float64).exponential_()
    deadline = -math.log1p(-p) if p < 1 else math.inf
    return (x.double() * (clocks > deadline) * math.exp(min(deadline, 700))).to(x.dtype)


class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(p)
        self.p = p

    def forward(self, x):
        return dropout(x, self.p, self.training)
