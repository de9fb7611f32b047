"""What the exercise gives: the settings of a run, and a real text as word numbers."""

import re
from collections import Counter
from dataclasses import dataclass
from pydoc_data import topics

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Config:
    """One training run. The defaults suit `text_tokens()`, on which they take two seconds of one CPU."""

    vocab_size: int = 500
    dim: int = 32
    window: int = 2
    negatives: int = 5
    threshold: float = 0.01
    epochs: int = 3
    batch_size: int = 256


def text_tokens(vocab_size: int = 500) -> tuple[Int[Tensor, " n"], list[str]]:
    """Python's language reference as numbers of its `vocab_size` most frequent words, 0 the most frequent, and the words.

    All other words are left out.
    """
    found = re.findall(r"[a-z]+", "\n".join(topics.topics.values()).lower())
    words = [word for word, _ in Counter(found).most_common(vocab_size)]
    number = {word: i for i, word in enumerate(words)}
    return torch.tensor([number[word] for word in found if word in number]), words
