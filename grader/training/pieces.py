"""The pieces that a model is made of and a learner may have written: torch's, the exercises' references, or a mixture."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from torch import nn
from torch.nn import functional as F

from solutions.attention.attention import attention
from solutions.cross_entropy.cross_entropy import cross_entropy
from solutions.dropout.dropout import dropout
from solutions.embeddings.embeddings import Embedding
from solutions.lr_scheduling.lr_scheduling import warmup_cosine


@dataclass(frozen=True)
class Pieces:
    """Callables with the signatures of the exercises; torch's own have the same. The defaults are torch's."""

    embedding: Callable[[int, int], nn.Module] = nn.Embedding  # (rows, width), with a `weight`
    attention: Callable[..., Any] = F.scaled_dot_product_attention  # (q, k, v, is_causal=True)
    dropout: Callable[..., Any] = F.dropout  # (x, p, training)
    cross_entropy: Callable[..., Any] = F.cross_entropy  # (logits, targets)
    schedule: Callable[..., float] = warmup_cosine  # (step, max_lr, min_lr, warmup_steps, total_steps)

    def but(self, **pieces: Any) -> "Pieces":
        return replace(self, **pieces)


def reference() -> Pieces:
    """The exercises' own references: what a learner's pieces are measured by."""
    return Pieces(Embedding, attention, dropout, cross_entropy, warmup_cosine)


NAMES = tuple(each.name for each in fields(Pieces))
