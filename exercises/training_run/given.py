"""What the exercise gives: the model, its configuration, the learning rate of each step, and a text to learn from."""

import math
from dataclasses import dataclass
from pydoc_data import topics
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Config:
    """One training run. The defaults learn `text_tokens()` in seven seconds of one CPU."""

    vocab: int = 256
    context: int = 32
    layers: int = 2
    heads: int = 4
    width: int = 64
    dropout: float = 0.0

    batch_size: int = 16  # windows in a micro-batch, and in a batch of `evaluate`
    accumulate: int = 1  # micro-batches in a step
    steps: int = 400
    learning_rate: float = 4e-3  # after the warm-up
    warmup: int = 40  # steps
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    grad_clip: float = 1.0
    dtype: torch.dtype = torch.float32
    eval_interval: int = 200
    seed: int = 0

    def lr(self, step: int) -> float:
        """The learning rate of step 0, 1, ...: a linear warm-up, then half a cosine down to a tenth."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.55 + 0.45 * math.cos(math.pi * progress))


class Record(NamedTuple):
    """Where a run stands after `step` optimizer steps: the loss of the last one, and the loss on held-out text, in nats."""

    step: int
    loss: float
    held_out: float


class Block(nn.Module):
    """Attention and a feed-forward network, each on a normalized copy of the residual stream."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm_1, self.norm_2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.project = nn.Linear(config.width, config.width, bias=False)
        self.up = nn.Linear(config.width, 4 * config.width, bias=False)
        self.down = nn.Linear(4 * config.width, config.width, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        q, k, v = self.qkv(self.norm_1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.dropout(self.project(attended))
        return x + self.dropout(self.down(F.gelu(self.up(self.norm_2(x)))))


class GPT(nn.Module):
    """A decoder of the GPT-2 kind, with learned positions and one matrix for embedding and output."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab, config.width)
        self.position = nn.Embedding(config.context, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.layers)))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocab, bias=False)
        self.head.weight = self.embedding.weight
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.06)

    def forward(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """The logits of what follows each of `ids`. Raises ValueError beyond the context."""
        if ids.shape[1] > self.config.context:
            raise ValueError(f"{ids.shape[1]} tokens do not fit into a context of {self.config.context}")
        x = self.embedding(ids) + self.position.weight[: ids.shape[1]]
        return self.head(self.norm(self.blocks(self.dropout(x))))


class Watched(GPT):
    """A GPT that remembers how each of its forward passes was run, and in what order they went forward and backward."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.passes: list[Pass] = []
        self.order: list[str] = []

    def forward(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        logits = super().forward(ids)
        self.passes.append(Pass(len(ids), self.training, torch.is_grad_enabled(), logits.dtype))
        self.order.append("forward")
        if logits.requires_grad:
            logits.register_hook(lambda _: self.order.append("backward"))
        return logits


class Pass(NamedTuple):
    """One forward pass: its rows, and whether it was in training mode and recorded a graph."""

    rows: int
    training: bool
    grad: bool
    dtype: torch.dtype


def text_tokens() -> Int[Tensor, " n"]:
    """Python's language reference, which comes with every Python, as bytes: tokens from 0 to 255."""
    return torch.tensor(list("\n".join(topics.topics.values()).encode()))


def split(tokens: Int[Tensor, " n"]) -> tuple[Int[Tensor, " training"], Int[Tensor, " held_out"]]:
    """The first nine tenths to train on, and the last tenth."""
    boundary = len(tokens) - len(tokens) // 10
    return tokens[:boundary], tokens[boundary:]
