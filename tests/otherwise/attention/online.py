"""Tiles of keys under a running maximum, in float64: a constant that cancels, so it needs no gradient."""

import torch


def attention(q, k, v, mask=None, is_causal=False):
    dtype = v.dtype
    q, k, v = q.double() / q.shape[-1] ** 0.5, k.double(), v.double()
    may = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    may = may.tril() if is_causal else may
    may = may if mask is None else may & mask
    maximum, total, output = torch.tensor(-1e300, dtype=torch.float64), 0.0, 0.0
    for start in range(0, k.shape[-2], 32):
        tile = slice(start, start + 32)
        scores = torch.where(may[..., tile], q @ k[..., tile, :].transpose(-2, -1), -torch.inf)
        higher = torch.maximum(maximum, scores.detach().amax(-1, keepdim=True))
        exponentials, shrink = (scores - higher).exp(), (maximum - higher).exp()
        total = total * shrink + exponentials.sum(-1, keepdim=True)
        output = output * shrink + exponentials @ v[..., tile, :]
        maximum = higher
    return (output / torch.where(total == 0, 1.0, total)).to(dtype)
