from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class TransformerBlock(nn.Module):
    """A pre-norm decoder block: causal self-attention, then a feed-forward network, each added to what came in.

    LayerNorms `norm_1`, `norm_2`; linear layers `qkv`, `out`, `up`, `down`. `d_ff` is 4 * d_model where left out. Raises
    ValueError unless heads >= 1 divides d_model and 0 <= dropout <= 1. Source: Vaswani et al. 2017; Radford et al. 2019.
    """

    def __init__(self, d_model: int, heads: int, d_ff: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        if heads < 1 or d_model % heads:
            raise ValueError(f"a width of {d_model} does not fall into {heads} heads")
        self.heads = heads
        d_ff = 4 * d_model if d_ff is None else d_ff
        self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.qkv, self.out = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)
        self.up, self.down = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)
        self.dropout = nn.Dropout(dropout)  # refuses what is no probability

    def forward(
        self, x: Float[Tensor, "batch time d_model"], mask: Bool[Tensor, "batch time"] | None = None
    ) -> Float[Tensor, "batch time d_model"]:
        """`mask` is True where there is a token; what is padding is read by no position."""
        # Nothing but sums touches x itself: from the loss to the input there is a path on which every Jacobian is the identity.
        x = x + self.dropout(self._attend(self.norm_1(x), mask))
        return x + self.dropout(self.down(F.gelu(self.up(self.norm_2(x)))))

    def _attend(
        self, x: Float[Tensor, "batch time d_model"], mask: Bool[Tensor, "batch time"] | None
    ) -> Float[Tensor, "batch time d_model"]:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        if mask is None:
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            may = mask[:, None, None].expand(-1, 1, x.shape[1], -1).tril()  # padding hides keys, the last axis
            idle = ~may.any(-1, keepdim=True)  # positions in left padding: they may read nothing, and no softmax is defined
            attended = F.scaled_dot_product_attention(q, k, v, may | idle).masked_fill(idle, 0.0)
        return self.out(attended.transpose(1, 2).flatten(2))
