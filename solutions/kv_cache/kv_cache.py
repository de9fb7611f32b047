import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


class KVCache:
    """The keys and values of one attention layer, for up to `capacity` positions of each of `batch` sequences.

    All memory is taken at construction; `d_v` is d_k where left out. Nothing in it has a history. Source: Shazeer 2019.
    """

    def __init__(
        self, batch: int, heads: int, capacity: int, d_k: int, d_v: int | None = None, dtype: torch.dtype = torch.float32
    ) -> None:
        self._k = torch.empty(batch, heads, capacity, d_k, dtype=dtype)
        self._v = torch.empty(batch, heads, capacity, d_k if d_v is None else d_v, dtype=dtype)
        self._length = 0

    def __len__(self) -> int:
        """How many positions are cached."""
        return self._length

    def append(
        self, k: Float[Tensor, "batch heads new d_k"], v: Float[Tensor, "batch heads new d_v"]
    ) -> tuple[Float[Tensor, "batch heads length d_k"], Float[Tensor, "batch heads length d_v"]]:
        """Cache what is new and return all that is cached, as views.

        Raises ValueError for another shape or dtype than the cache's, and beyond its capacity; the cache is then as before.
        """
        length = self._length + k.shape[2]
        if length > self._k.shape[2]:
            raise ValueError(f"{length} positions do not fit into a cache of {self._k.shape[2]}")
        for new, memory in ((k, self._k), (v, self._v)):  # a copy would broadcast and convert without a word
            if new.shape != (*memory.shape[:2], k.shape[2], memory.shape[3]) or new.dtype != memory.dtype:
                raise ValueError(f"{new.dtype} of shape {list(new.shape)} does not fit into the cache")
        self._k[:, :, self._length : length] = k.detach()  # a history would keep every past step's graph alive
        self._v[:, :, self._length : length] = v.detach()
        self._length = length
        return self._k[:, :, :length], self._v[:, :, :length]

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` positions. Raises ValueError outside 0 … len(self)."""
        if not 0 <= length <= self._length:
            raise ValueError(f"there are {self._length} positions, not {length}")
        self._length = length  # what lies beyond is written over by what comes next

    def reorder(self, rows: Int[Tensor, " batch"]) -> None:
        """Give row i what row `rows[i]` holds, for every i at once; a row may be taken often or never."""
        for memory in (self._k, self._v):
            cached = memory[:, :, : self._length]
            cached.copy_(cached[rows])  # indexing by a tensor has copied the rows before the first is written over


def cached_attention(
    q: Float[Tensor, "batch heads new d_k"],
    k: Float[Tensor, "batch heads new d_k"],
    v: Float[Tensor, "batch heads new d_v"],
    cache: KVCache,
) -> Float[Tensor, "batch heads new d_v"]:
    """Append the new positions to the cache; each attends to all cached before it, and to the new ones up to itself.

    softmax(q kᵀ / √d_k) v, without a history. Raises what `append` raises.
    """
    seen = len(cache)
    k, v = cache.append(k, v)
    # New position i is number seen + i of the sequence: the triangle ends in the bottom right corner, not the top left.
    may = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(seen)
    return F.scaled_dot_product_attention(q.detach(), k, v, may)
