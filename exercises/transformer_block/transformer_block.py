from jaxtyping import Bool, Float
from torch import Tensor, nn


class TransformerBlock(nn.Module):
    """A pre-norm decoder block: causal self-attention, then a feed-forward network, each added to what came in.

    LayerNorms `norm_1`, `norm_2`; linear layers `qkv`, `out`, `up`, `down`. `d_ff` is 4 * d_model where left out. Raises
    ValueError unless heads >= 1 divides d_model and 0 <= dropout <= 1. Source: Vaswani et al. 2017; Radford et al. 2019.
    """

    def __init__(self, d_model: int, heads: int, d_ff: int | None = None, dropout: float = 0.0) -> None:
        raise NotImplementedError

    def forward(
        self, x: Float[Tensor, "batch time d_model"], mask: Bool[Tensor, "batch time"] | None = None
    ) -> Float[Tensor, "batch time d_model"]:
        """`mask` is True where there is a token; what is padding is read by no position."""
        raise NotImplementedError
