"""What the exercise gives: the model's sizes, and the block that it repeats."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    vocab: int = 256
    context: int = 32  # the longest sequence that the model can read
    layers: int = 2
    heads: int = 4
    width: int = 64
    dropout: float = 0.0


class Block(nn.TransformerEncoderLayer):
    """A causal pre-norm block, torch's own. Its layers `self_attn.out_proj` and `linear2` write to the residual stream."""

    def __init__(self, config: Config) -> None:
        sizes = config.width, config.heads, 4 * config.width
        super().__init__(*sizes, config.dropout, "gelu", batch_first=True, norm_first=True)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        return super().forward(x, src_mask=later, is_causal=True)
