import torch
from jaxtyping import Bool, Float
from torch import Tensor

_ROWS = 128  # queries per tile: few enough for their scores to stay in the cache, enough for the products to be fast


def attention(
    q: Float[Tensor, "... queries d_k"],
    k: Float[Tensor, "... keys d_k"],
    v: Float[Tensor, "... keys d_v"],
    mask: Bool[Tensor, "..."] | None = None,
    is_causal: bool = False,
) -> Float[Tensor, "... queries d_v"]:
    """softmax(q kᵀ / √d_k) v, each query over the keys that it may attend to; zeros for a query that has none.

    `mask` is True where a query may attend, and broadcasts to the scores. `is_causal` (only with queries == keys) hides
    the keys that come after the query; given together, both hold. Leading axes broadcast. Source: Vaswani et al. 2017, 3.2.1.
    """
    queries, keys = q.shape[-2], k.shape[-2]
    if is_causal and mask is None:
        mask = torch.ones((), dtype=torch.bool, device=q.device)
    if mask is not None:
        mask, _ = torch.broadcast_tensors(mask, mask.new_empty(()).expand(queries, keys))  # a view: rows to slice, no copy
    q = q / q.shape[-1] ** 0.5  # here and not on the scores: fewer numbers, and in float16 the bare q·k could overflow

    # Rows of the softmax do not know of one another, so a tile of queries is a smaller attention. The full matrix of
    # scores would travel to memory and back for each pass over it; those passes, not the products, are the cost.
    tiles, start = [], 0
    for rows in q.split(_ROWS, dim=-2):
        stop = start + rows.shape[-2]
        seen = stop if is_causal else keys  # no key beyond the tile's end: over all tiles, half the work
        allowed = None if mask is None else mask[..., start:stop, :seen]
        if is_causal:
            allowed = allowed.tril(start)
        tiles.append(_attend(rows, k[..., :seen, :], v[..., :seen, :], allowed))
        start = stop
    return torch.cat(tiles, dim=-2)


def _attend(
    q: Float[Tensor, "... queries d_k"],
    k: Float[Tensor, "... keys d_k"],
    v: Float[Tensor, "... keys d_v"],
    allowed: Bool[Tensor, "... queries keys"] | None,
) -> Float[Tensor, "... queries d_v"]:
    """Attention of queries that are scaled already."""
    scores = q @ k.mT
    if allowed is None:
        return scores.softmax(-1) @ v
    # With -inf, a row that is masked throughout would be NaN, and an output mended afterwards leaves 0 * NaN in backward.
    # The lowest finite number gives such a row harmless weights; erasing its output erases its gradients too.
    scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
    return (scores.softmax(-1) @ v).masked_fill(~allowed.any(-1, keepdim=True), 0.0)
