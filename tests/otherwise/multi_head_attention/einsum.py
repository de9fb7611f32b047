"""Weights with a visible axis for the heads, and einsum throughout; float32 or better inside."""

import torch
from torch import nn


class Projection(nn.Module):
    """A linear layer without nn.Linear."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * inputs**-0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, heads, d_context=None, d_k=None, d_v=None):
        super().__init__()
        if heads < 1 or ((d_k is None or d_v is None) and d_model % heads != 0):
            raise ValueError(heads)
        self.heads = heads
        d_context = d_context or d_model
        d_k, d_v = d_k or d_model // heads, d_v or d_model // heads
        self.q, self.k = Projection(d_model, heads * d_k), Projection(d_context, heads * d_k)
        self.v, self.out = Projection(d_context, heads * d_v), Projection(heads * d_v, d_model)

    def forward(self, x, context=None, mask=None, is_causal=False):
        context = x if context is None else context
        precise = torch.promote_types(x.dtype, torch.float32)
        q, k, v = (self.project(p, y.to(precise)) for p, y in ((self.q, x), (self.k, context), (self.v, context)))
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / q.shape[-1] ** 0.5
        if is_causal:
            scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), -torch.inf)
        if mask is not None:
            mask = mask[None] if mask.ndim < 2 else mask
            scores = scores.masked_fill(~(mask[:, None] if mask.ndim == 3 else mask), -torch.inf)
        idle = scores.isneginf().all(-1, keepdim=True)
        weights = scores.masked_fill(idle, 0.0).softmax(-1).masked_fill(idle, 0.0)
        out = self.out.weight.to(precise).unflatten(1, (self.heads, -1))
        return (torch.einsum("bhqk,bkhd,ohd->bqo", weights, v, out) + self.out.bias.to(precise)).to(x.dtype)

    def project(self, p, y):
        weight, bias = p.weight.to(y.dtype).unflatten(0, (self.heads, -1)), p.bias.to(y.dtype).unflatten(0, (self.heads, -1))
        return torch.einsum("bnc,hdc->bnhd", y, weight) + bias
