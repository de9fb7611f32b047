"""Old and new keys scored apart, joined by their largest score: no mask over what is cached; rows and lengths by hand."""

import torch


class KVCache:
    def __init__(self, batch, heads, capacity, d_k, d_v=None, dtype=torch.float32):
        self.parts = [torch.empty(batch, heads, capacity, d, dtype=dtype) for d in (d_k, d_k if d_v is None else d_v)]
        self.length = 0

    def __len__(self):
        return self.length

    def append(self, k, v):
        self.check(k, v)
        stop = self.length + k.shape[2]
        for part, new in zip(self.parts, (k, v), strict=True):
            part.narrow(2, self.length, k.shape[2]).copy_(new.detach())
        self.length = stop
        return tuple(part[:, :, :stop] for part in self.parts)

    def check(self, k, v):
        for part, new in zip(self.parts, (k, v), strict=True):
            room = part.shape[2] - self.length
            same = part.dtype == new.dtype and part[:, :, :1].shape[:2] == new.shape[:2] and part.shape[3] == new.shape[3]
            if not same or new.shape[2] > room or new.shape[2] != k.shape[2]:
                raise ValueError("does not fit")

    def truncate(self, length):
        if not (length >= 0 and length <= self.length):
            raise ValueError("no such length")
        self.length = length

    def reorder(self, rows):
        for part in self.parts:
            old = part.clone()
            for to, row in enumerate(rows):
                part[to] = old[row]


def cached_attention(q, k, v, cache):
    seen = len(cache)
    k, v = cache.append(k, v)
    q = q.detach() / q.shape[3] ** 0.5
    old = q @ k[:, :, :seen].mT
    new = q @ k[:, :, seen:].mT + torch.full((q.shape[2], q.shape[2]), -torch.inf, dtype=q.dtype).triu(1)
    joined = torch.cat([old, new], -1)
    if joined.numel() == 0:
        return v[:, :, :0]
    exponentials = (joined - joined.amax(-1, keepdim=True)).exp()
    upper = exponentials[..., :seen] @ v[:, :, :seen] + exponentials[..., seen:] @ v[:, :, seen:]
    return upper / exponentials.sum(-1, keepdim=True)
