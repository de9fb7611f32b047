import torch
from torch import nn


def dropout(x, p, training):
    if not (p >= 0 and p <= 1):
        raise ValueError(p)
    if not training:
        return x
    lost = torch.empty(x.shape, dtype=torch.bool).bernoulli_(p)
    return (x / (1 - p if p < 1 else 1)).masked_fill(lost, 0)


class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        dropout(torch.zeros(()), p, False)
        self.register_buffer("p", torch.tensor(p, dtype=torch.float64))

    def forward(self, x):
        return dropout(x, self.p.item(), self.training)
