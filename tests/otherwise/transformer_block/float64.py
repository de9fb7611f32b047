"""Functional, in float64 whatever comes in, with additive masks and a base class for the parts."""

import torch
from torch import nn
from torch.nn import functional as F


class TransformerBlock(nn.Module):
    def __init__(self, d_model, heads, d_ff=None, dropout=0.0):
        super().__init__()
        if heads < 1 or d_model % heads or dropout < 0 or dropout > 1:
            raise ValueError("impossible")
        self.heads, self.p = heads, dropout
        d_ff = d_model * 4 if d_ff is None else d_ff
        self.norm_1 = nn.LayerNorm(d_model)
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        self.norm_2 = nn.LayerNorm(d_model)
        self.up = nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)

    def forward(self, x, mask=None):
        y = x.double()
        y = y + self.drop(self.attention(self.norm(y, self.norm_1), mask))
        y = y + self.drop(self.linear(F.gelu(self.linear(self.norm(y, self.norm_2), self.up)), self.down))
        return y.to(x.dtype)

    def drop(self, x):
        return F.dropout(x, self.p, self.training)

    def norm(self, x, layer):
        return F.layer_norm(x, x.shape[-1:], layer.weight.double(), layer.bias.double())

    def linear(self, x, layer):
        return F.linear(x, layer.weight.double(), layer.bias.double())

    def attention(self, x, mask):
        bias = torch.full((x.shape[1], x.shape[1]), -torch.inf, dtype=torch.float64).triu(1)
        if mask is not None:
            bias = bias + torch.where(mask, 0.0, -torch.inf).double()[:, None, None]
        idle = bias.isneginf().all(-1, keepdim=True)
        q, k, v = (y.unflatten(-1, (self.heads, -1)).movedim(2, 1) for y in self.linear(x, self.qkv).chunk(3, -1))
        weights = (q @ k.mT * q.shape[-1] ** -0.5 + bias.masked_fill(idle, 0.0)).softmax(-1)
        return self.linear((weights.masked_fill(idle, 0.0) @ v).movedim(1, 2).flatten(2), self.out)
