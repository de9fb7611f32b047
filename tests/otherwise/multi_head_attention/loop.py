"""One sequence and one head at a time, with sliced weights; the heads' contributions are added, never concatenated."""

import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, heads, d_context=None, d_k=None, d_v=None):
        super().__init__()
        if heads <= 0:
            raise ValueError("no heads")
        if d_k is None or d_v is None:
            if d_model // heads * heads != d_model:
                raise ValueError("not divisible")
            d_k, d_v = d_k or d_model // heads, d_v or d_model // heads
        self.sizes = heads, d_k, d_v
        self.out = nn.Linear(heads * d_v, d_model)
        self.v = nn.Linear(d_context or d_model, heads * d_v)
        self.k = nn.Linear(d_context or d_model, heads * d_k)
        self.q = nn.Linear(d_model, heads * d_k)

    def forward(self, x, context=None, mask=None, is_causal=False):
        context = x if context is None else context
        may = torch.ones(len(x), x.shape[1], context.shape[1], dtype=torch.bool)
        may = may if mask is None else may & mask
        may = may.tril() if is_causal else may
        heads, d_k, d_v = self.sizes
        members = []
        for one, read, allowed in zip(x, context, may, strict=True):
            total = self.out.bias.expand(len(one), -1)
            for head in range(heads):
                keys, values = slice(head * d_k, head * d_k + d_k), slice(head * d_v, head * d_v + d_v)
                q = one @ self.q.weight[keys].T + self.q.bias[keys]
                k = read @ self.k.weight[keys].T + self.k.bias[keys]
                v = read @ self.v.weight[values].T + self.v.bias[values]
                scores = torch.where(allowed, q @ k.T / d_k**0.5, torch.finfo(q.dtype).min)
                weights = torch.where(allowed, scores.softmax(-1), 0)
                total = total + weights @ v @ self.out.weight[:, values].T
            members.append(total)
        return torch.stack(members)
