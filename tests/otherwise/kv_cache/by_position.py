"""Positions first in memory, so that a position is one block; attention one query at a time."""

import torch


class KVCache:
    def __init__(self, batch, heads, capacity, d_k, d_v=None, dtype=torch.float32):
        d_v = d_k if d_v is None else d_v
        self.sizes, self.dtype = (batch, heads, d_k, d_v), dtype
        self.memory = torch.zeros(capacity, batch, heads, d_k + d_v, dtype=dtype)
        self.used = 0

    def __len__(self):
        return self.used

    def append(self, k, v):
        batch, heads, d_k, d_v = self.sizes
        new = k.shape[2]
        if k.shape != (batch, heads, new, d_k) or v.shape != (batch, heads, new, d_v):
            raise ValueError("shape")
        if {k.dtype, v.dtype} != {self.dtype}:
            raise ValueError("dtype")
        if self.used + new > len(self.memory):
            raise ValueError("full")
        for i in range(new):
            self.memory[self.used + i] = torch.cat([k[:, :, i], v[:, :, i]], -1).detach()
        self.used += new
        everything = self.memory[: self.used].permute(1, 2, 0, 3)
        return everything[..., :d_k], everything[..., d_k:]

    def truncate(self, length):
        if length not in range(self.used + 1):
            raise ValueError(length)
        self.used = length
        self.memory[length:] = 0

    def reorder(self, rows):
        self.memory[: self.used] = torch.stack([self.memory[: self.used, row] for row in rows.tolist()], 1)


def cached_attention(q, k, v, cache):
    outputs = [v[:, :, :0].detach()]
    for i in range(q.shape[2]):
        keys, values = cache.append(k[:, :, i : i + 1], v[:, :, i : i + 1])
        weights = (q[:, :, i : i + 1].detach() @ keys.mT / q.shape[3] ** 0.5).softmax(-1)
        outputs.append(weights @ values)
    return torch.cat(outputs, 2)
