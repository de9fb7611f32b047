import os
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from exercises.char_rnn.given import Config


class CharRNN(nn.Module):
    """Predicts the next character of a text over `alphabet`, with a state of `width` numbers. Source: Karpathy 2015."""

    alphabet: str

    def __init__(self, alphabet: str, width: int) -> None:
        raise NotImplementedError

    def forward(self, ids: Int[Tensor, "batch time"], state: Any = None) -> tuple[Float[Tensor, "batch time v"], Any]:
        """The logits of what follows each character, and the state after the last one, from which a later call goes on."""
        raise NotImplementedError


def windows(
    ids: Int[Tensor, " n"], streams: int, window: int
) -> list[tuple[Int[Tensor, "streams window"], Int[Tensor, "streams window"]]]:
    """Inputs and their next characters, in rows that go on from window to window.

    Raises ValueError where the text has not one character and its successor for each row.
    """
    raise NotImplementedError


def train(text: str, config: Config) -> CharRNN:
    """A model of `text`, by truncated backpropagation through `config.passes` passes. Raises ValueError like `windows`."""
    raise NotImplementedError


def bits_per_character(model: nn.Module, text: str) -> float:
    """The mean of -log₂ of the probability of each character but the first, given all before it.

    Raises ValueError for fewer than two characters, or one that the model's alphabet lacks. Source: Shannon 1951.
    """
    raise NotImplementedError


def sample(
    model: nn.Module, prompt: str, length: int, temperature: float = 1.0, generator: torch.Generator | None = None
) -> str:
    """`length` characters that follow `prompt`, drawn one by one from softmax(logits / temperature).

    Raises ValueError for an empty prompt, a character that the alphabet lacks, or a temperature not above 0.
    """
    raise NotImplementedError


def save(model: CharRNN, path: str | os.PathLike[str]) -> None:
    """Everything that `load` needs, in one file."""
    raise NotImplementedError


def load(path: str | os.PathLike[str]) -> CharRNN:
    """The model that `save` wrote. Raises an exception for a file that would run code."""
    raise NotImplementedError
