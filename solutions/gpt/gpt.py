import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from exercises.gpt.given import Block, Config


class GPT(nn.Module):
    """A decoder-only language model with learned positions, and one matrix for both embedding and output.

    Parameters: `embedding.weight`, `position.weight`, `blocks.0.…` and so on, `norm.weight`, `norm.bias`; the tied matrix may
    have a second name. Source: Radford et al. 2019 (GPT-2); tied weights: Press and Wolf 2017.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab, config.width)
        self.position = nn.Embedding(config.context, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocab, bias=False)
        self.head.weight = self.embedding.weight  # the same tensor, not a copy: both uses add to one gradient
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                # 2 * layers branches add to the stream; its variance should not grow with their number.
                writes = name.endswith(("out_proj.weight", "linear2.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * config.layers) ** 0.5 if writes else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """The logits of what follows each of `ids`. Raises ValueError beyond the context."""
        if ids.shape[1] > self.config.context:
            raise ValueError(f"{ids.shape[1]} tokens do not fit into a context of {self.config.context}")
        x = self.dropout(self.embedding(ids) + self.position.weight[: ids.shape[1]])
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    def loss(self, ids: Int[Tensor, "batch time"], targets: Int[Tensor, "batch time"]) -> Float[Tensor, ""]:
        """The mean cross-entropy in nats over the targets that are not -100; a target is what follows the id in its place."""
        return F.cross_entropy(self(ids).flatten(0, 1), targets.flatten())  # which ignores -100 unless told otherwise

    def generate(self, ids: Int[Tensor, "batch time"], new_tokens: int) -> Int[Tensor, "batch time+new_tokens"]:
        """`ids` and the likeliest tokens after them, one by one, each from the last `context` tokens; without dropout."""
        was_training = self.training
        self.eval()
        with torch.no_grad():
            for _ in range(new_tokens):
                likeliest = self(ids[:, -self.config.context :])[:, -1].argmax(1, keepdim=True)
                ids = torch.cat([ids, likeliest], 1)
        self.train(was_training)
        return ids
