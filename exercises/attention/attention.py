import torch
from jaxtyping import Bool, Float
from torch import Tensor


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
    raise NotImplementedError
