import torch
from jaxtyping import Float, Int
from torch import Tensor


class KVCache:
    """The keys and values of one attention layer, for up to `capacity` positions of each of `batch` sequences.

    All memory is taken at construction; `d_v` is d_k where left out. Nothing in it has a history. Source: Shazeer 2019.
    """

    def __init__(
        self, batch: int, heads: int, capacity: int, d_k: int, d_v: int | None = None, dtype: torch.dtype = torch.float32
    ) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        """How many positions are cached."""
        raise NotImplementedError

    def append(
        self, k: Float[Tensor, "batch heads new d_k"], v: Float[Tensor, "batch heads new d_v"]
    ) -> tuple[Float[Tensor, "batch heads length d_k"], Float[Tensor, "batch heads length d_v"]]:
        """Cache what is new and return all that is cached, as views.

        Raises ValueError for another shape or dtype than the cache's, and beyond its capacity; the cache is then as before.
        """
        raise NotImplementedError

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` positions. Raises ValueError outside 0 … len(self)."""
        raise NotImplementedError

    def reorder(self, rows: Int[Tensor, " batch"]) -> None:
        """Give row i what row `rows[i]` holds, for every i at once; a row may be taken often or never."""
        raise NotImplementedError


def cached_attention(
    q: Float[Tensor, "batch heads new d_k"],
    k: Float[Tensor, "batch heads new d_k"],
    v: Float[Tensor, "batch heads new d_v"],
    cache: KVCache,
) -> Float[Tensor, "batch heads new d_v"]:
    """Append the new positions to the cache; each attends to all cached before it, and to the new ones up to itself.

    softmax(q kᵀ / √d_k) v, without a history. Raises what `append` raises.
    """
    raise NotImplementedError
