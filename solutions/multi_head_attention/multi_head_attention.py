from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class MultiHeadAttention(nn.Module):
    """`heads` scaled dot-product attentions side by side, on projections of their own, mixed by a last projection.

    Linear layers `q`, `k`, `v`, `out`; head h owns the h-th group of rows of the first three, and of columns of `out`. The
    widths of one head, `d_k` and `d_v`, are d_model // heads where left out; `d_context` is d_model. Raises ValueError for
    heads below one, or if they do not divide a d_model that they have to. Source: Vaswani et al. 2017, 3.2.2.
    """

    def __init__(
        self, d_model: int, heads: int, d_context: int | None = None, d_k: int | None = None, d_v: int | None = None
    ) -> None:
        super().__init__()
        if heads < 1 or (None in (d_k, d_v) and d_model % heads):
            raise ValueError(f"a width of {d_model} does not fall into {heads} heads")
        self.heads = heads
        d_context = d_model if d_context is None else d_context
        d_k = d_model // heads if d_k is None else d_k
        d_v = d_model // heads if d_v is None else d_v
        # All heads of a projection are one matrix: a single large product, where a list of heads would make many thin ones.
        self.q = nn.Linear(d_model, heads * d_k)
        self.k = nn.Linear(d_context, heads * d_k)
        self.v = nn.Linear(d_context, heads * d_v)
        self.out = nn.Linear(heads * d_v, d_model)

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
        context = x if context is None else context
        q, k, v = self._split(self.q(x)), self._split(self.k(context)), self._split(self.v(context))
        if mask is None:
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=is_causal)
        else:
            may = mask.expand(len(x), x.shape[1], context.shape[1])
            may = (may.tril() if is_causal else may).unsqueeze(1)  # the heads' axis; without it, theirs would be the batch's
            idle = ~may.any(-1, keepdim=True)
            # No softmax is defined over nothing: an idle query gets every key, so that all is finite, and then is erased.
            attended = F.scaled_dot_product_attention(q, k, v, may | idle).masked_fill(idle, 0.0)
        return self.out(attended.transpose(1, 2).flatten(2))  # back to position before head, and only then side by side

    def _split(self, y: Float[Tensor, "batch positions heads*d"]) -> Float[Tensor, "batch heads positions d"]:
        """Cut the last axis into heads, the outer part, and move them in front, where the products count them as a batch."""
        return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
