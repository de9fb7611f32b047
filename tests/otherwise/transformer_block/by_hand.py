"""No module but the parameters: norms, GELU and dropout written out, heads in a loop."""

import math

import torch
from torch import nn


class Affine(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) * 0.02)
        self.bias = nn.Parameter(torch.zeros(shape[0]))

    def norm(self, x):
        mean = x.mean(-1, keepdim=True)
        variance = ((x - mean) ** 2).mean(-1, keepdim=True)
        return (x - mean) * (variance + 1e-5).rsqrt() * self.weight + self.bias

    def linear(self, x):
        return x @ self.weight.T + self.bias


class TransformerBlock(nn.Module):
    def __init__(self, d_model, heads, d_ff=None, dropout=0.0):
        super().__init__()
        if heads < 1 or d_model // heads * heads != d_model or not 0 <= dropout <= 1:
            raise ValueError((d_model, heads, dropout))
        d_ff = d_ff or 4 * d_model
        self.width, self.rate = d_model // heads, dropout
        self.down, self.up = Affine(d_model, d_ff), Affine(d_ff, d_model)
        self.out, self.qkv = Affine(d_model, d_model), Affine(3 * d_model, d_model)
        self.norm_2, self.norm_1 = Affine(d_model), Affine(d_model)

    def forward(self, x, mask=None):
        x = x + self.drop(self.attention(self.norm_1.norm(x), mask))
        hidden = self.up.linear(self.norm_2.norm(x))
        return x + self.drop(self.down.linear(hidden * 0.5 * (1 + torch.erf(hidden * math.sqrt(0.5)))))

    def drop(self, x):
        if not self.training or self.rate == 0:
            return x
        return x * (torch.rand(x.shape) >= self.rate).to(x.dtype) / max(1 - self.rate, 1e-9)

    def attention(self, x, mask):
        time, d_model = x.shape[1:]
        may = torch.arange(time)[None, :] <= torch.arange(time)[:, None]
        may = may if mask is None else may & mask[:, None, :]
        q, k, v = self.qkv.linear(x).split(d_model, -1)
        found = []
        for start in range(0, d_model, self.width):
            part = slice(start, start + self.width)
            scores = torch.where(may, q[..., part] @ k[..., part].mT / math.sqrt(self.width), torch.finfo(x.dtype).min)
            found.append(torch.where(may, scores.softmax(-1), 0) @ v[..., part])
        return self.out.linear(torch.cat(found, -1))
