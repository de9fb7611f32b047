import torch
from torch import nn


def dropout(x, p, training):
    if not 0 <= p <= 1:
        raise ValueError(p)
    if not training:
        return x
    factors = []
    for coin in torch.rand(x.numel()).tolist():
        if coin < p:
            factors.append(0.0)
        else:
            factors.append(1 / (1 - p))
    return x * torch.tensor(factors, dtype=x.dtype).reshape(x.shape)


class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(p)
        self.p = p

    def forward(self, x):
        return dropout(x, self.p, training=self.training)
