"""Everything under no_grad, the shape kept as a tuple, the mask as a comparison of positions, the softmax in float64."""

import numpy
import torch


class KVCache:
    def __init__(self, batch, heads, capacity, d_k, d_v=None, dtype=torch.float32):
        self.k = torch.full((batch, heads, capacity, d_k), float("nan"), dtype=dtype)
        self.v = torch.full((batch, heads, capacity, d_v or d_k), float("nan"), dtype=dtype)
        self.capacity, self.positions = capacity, numpy.arange(0)

    def __len__(self):
        return len(self.positions)

    @torch.no_grad()
    def append(self, k, v):
        start, stop = len(self), len(self) + k.shape[2]
        if stop > self.capacity:
            raise ValueError(f"no room for {stop}")
        places = self.k[:, :, start:stop], self.v[:, :, start:stop]
        for new, place in zip((k, v), places, strict=True):
            if new.shape != place.shape or new.dtype != place.dtype:
                raise ValueError(f"{new.shape} is not {place.shape}")
        for new, place in zip((k, v), places, strict=True):
            place.copy_(new)
        self.positions = numpy.arange(stop)
        return self.k.narrow(2, 0, stop), self.v.narrow(2, 0, stop)

    def truncate(self, length):
        if length < 0 or length > len(self):
            raise ValueError(length)
        self.positions = self.positions[:length]

    @torch.no_grad()
    def reorder(self, rows):
        for memory in (self.k, self.v):
            memory.copy_(memory.index_select(0, rows))


@torch.no_grad()
def cached_attention(q, k, v, cache):
    first = len(cache)
    k, v = cache.append(k, v)
    late = torch.from_numpy(cache.positions[None, :] > numpy.arange(first, first + q.shape[2])[:, None])
    scores = (q.double() @ k.double().transpose(2, 3)) / q.shape[3] ** 0.5
    return (scores.masked_fill(late, -torch.inf).softmax(-1) @ v.double()).to(q.dtype)
