"""Heads folded into the batch, in float64, with a softmax written out; the parameters are registered by hand."""

import torch
from torch import nn
from torch.nn import functional as F


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, heads, d_context=None, d_k=None, d_v=None):
        super().__init__()
        if heads < 1:
            raise ValueError("heads")
        share, rest = divmod(d_model, heads)
        if rest and (d_k is None or d_v is None):
            raise ValueError("width")
        d_context = d_model if d_context is None else d_context
        d_k, d_v = share if d_k is None else d_k, share if d_v is None else d_v
        self.heads = heads
        shapes = {"v": (d_context, heads * d_v), "out": (heads * d_v, d_model)}
        shapes |= {"q": (d_model, heads * d_k), "k": (d_context, heads * d_k)}
        for name, shape in shapes.items():
            self.add_module(name, nn.Linear(*shape))

    def fold(self, linear, x):
        y = F.linear(x.double(), linear.weight.double(), linear.bias.double())
        return torch.cat(y.chunk(self.heads, dim=-1))  # [heads * batch, positions, width]

    def forward(self, x, context=None, mask=None, is_causal=False):
        context = x if context is None else context
        q, k, v = self.fold(self.q, x), self.fold(self.k, context), self.fold(self.v, context)
        may = torch.ones((), dtype=torch.bool) if mask is None else mask
        may = may.broadcast_to(len(x), q.shape[1], k.shape[1]).repeat(self.heads, 1, 1)
        may = may.tril() if is_causal else may
        scores = torch.baddbmm(torch.zeros((), dtype=torch.float64), q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5)
        exponentials = (scores - scores.detach().amax(-1, keepdim=True)).exp() * may
        total = exponentials.sum(-1, keepdim=True)
        attended = torch.bmm(exponentials / total.masked_fill(total == 0, 1.0), v)
        side_by_side = torch.cat(attended.chunk(self.heads), dim=-1)
        return F.linear(side_by_side, self.out.weight.double(), self.out.bias.double()).to(x.dtype)
