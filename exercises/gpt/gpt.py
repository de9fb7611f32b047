import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from exercises.gpt.given import Config


class GPT(nn.Module):
    """A decoder-only language model with learned positions, and one matrix for both embedding and output.

    Parameters: `embedding.weight`, `position.weight`, `blocks.0.…` and so on, `norm.weight`, `norm.bias`; the tied matrix may
    have a second name. Source: Radford et al. 2019 (GPT-2); tied weights: Press and Wolf 2017.
    """

    def __init__(self, config: Config) -> None:
        raise NotImplementedError

    def forward(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """The logits of what follows each of `ids`. Raises ValueError beyond the context."""
        raise NotImplementedError

    def loss(self, ids: Int[Tensor, "batch time"], targets: Int[Tensor, "batch time"]) -> Float[Tensor, ""]:
        """The mean cross-entropy in nats over the targets that are not -100; a target is what follows the id in its place."""
        raise NotImplementedError

    def generate(self, ids: Int[Tensor, "batch time"], new_tokens: int) -> Int[Tensor, "batch time+new_tokens"]:
        """`ids` and the likeliest tokens after them, one by one, each from the last `context` tokens; without dropout."""
        raise NotImplementedError
