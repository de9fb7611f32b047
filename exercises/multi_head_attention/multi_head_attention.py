from jaxtyping import Bool, Float
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """`heads` scaled dot-product attentions side by side, on projections of their own, mixed by a last projection.

    Linear layers `q`, `k`, `v`, `out`; head h owns the h-th group of rows of the first three, and of columns of `out`. The
    widths of one head, `d_k` and `d_v`, are d_model // heads where left out; `d_context` is d_model. Raises ValueError for
    heads below one, or if they do not divide a d_model that they have to. Source: Vaswani et al. 2017, 3.2.2.
    """

    def __init__(
        self, d_model: int, heads: int, d_context: int | None = None, d_k: int | None = None, d_v: int | None = None
    ) -> None:
        raise NotImplementedError

    def forward(
        self,
        x: Float[Tensor, "batch queries d_model"],
        context: Float[Tensor, "batch keys d_context"] | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        is_causal: bool = False,
    ) -> Float[Tensor, "batch queries d_model"]:
        """Each position of `x` reads from `context`, or from `x` itself if there is none.

        `mask` is True where a query may attend, and broadcasts to [batch, queries, keys]. `is_causal` (only with
        queries == keys) hides the keys that come after the query; given together, both hold.
        """
        raise NotImplementedError
