import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from exercises.char_rnn.given import Config

_CHUNK = 1_000  # characters that are scored in one call


class CharRNN(nn.Module):
    """Predicts the next character of a text over `alphabet`, with a state of `width` numbers. Source: Karpathy 2015."""

    alphabet: str

    def __init__(self, alphabet: str, width: int) -> None:
        super().__init__()
        self.alphabet = alphabet
        self.embedding = nn.Embedding(len(alphabet), width)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.output = nn.Linear(width, len(alphabet))

    def forward(self, ids: Int[Tensor, "batch time"], state: Any = None) -> tuple[Float[Tensor, "batch time v"], Any]:
        """The logits of what follows each character, and the state after the last one, from which a later call goes on."""
        states, state = self.recurrent(self.embedding(ids), state)
        return self.output(states), state


def windows(
    ids: Int[Tensor, " n"], streams: int, window: int
) -> list[tuple[Int[Tensor, "streams window"], Int[Tensor, "streams window"]]]:
    """Inputs and their next characters, in rows that go on from window to window.

    Raises ValueError where the text has not one character and its successor for each row.
    """
    length = (len(ids) - 1) // streams
    if length < 1:
        raise ValueError(f"{len(ids)} characters are too few for {streams} streams")
    # Two cuts of the text, one character apart: so the last of a window knows its target, which the next one begins with.
    x, y = (ids[start : start + streams * length].reshape(streams, length) for start in (0, 1))
    return list(zip(x.split(window, dim=1), y.split(window, dim=1), strict=True))


def train(text: str, config: Config) -> CharRNN:
    """A model of `text`, by truncated backpropagation through `config.passes` passes. Raises ValueError like `windows`."""
    torch.manual_seed(config.seed)
    alphabet = "".join(sorted(set(text)))
    model = CharRNN(alphabet, config.width)
    batches = windows(_encode(text, alphabet), config.streams, config.window)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    for _ in range(config.passes):
        state = None
        for x, y in batches:
            logits, state = model(x, state)
            state = state.detach()  # the value goes on, its history ends here
            loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
            optimizer.step()
    return model


def bits_per_character(model: nn.Module, text: str) -> float:
    """The mean of -log₂ of the probability of each character but the first, given all before it.

    Raises ValueError for fewer than two characters, or one that the model's alphabet lacks. Source: Shannon 1951.
    """
    ids = _encode(text, model.alphabet)
    if len(ids) < 2:
        raise ValueError("the first character is not predicted, and there is no other")
    nats, state = 0.0, None
    with _reading(model):
        for x, y in zip(ids[:-1].split(_CHUNK), ids[1:].split(_CHUNK), strict=True):
            logits, state = model(x[None], state)
            nats += F.cross_entropy(logits[0], y, reduction="sum").item()  # a sum, since the last chunk is shorter
    return nats / (len(ids) - 1) / math.log(2)


def sample(
    model: nn.Module, prompt: str, length: int, temperature: float = 1.0, generator: torch.Generator | None = None
) -> str:
    """`length` characters that follow `prompt`, drawn one by one from softmax(logits / temperature).

    Raises ValueError for an empty prompt, a character that the alphabet lacks, or a temperature not above 0.
    """
    if not prompt or not temperature > 0:
        raise ValueError(f"sampling needs a first character and a temperature above 0, not {prompt!r} and {temperature}")
    read, state, written = _encode(prompt, model.alphabet), None, ""
    with _reading(model):
        for _ in range(length):
            logits, state = model(read[None], state)
            read = torch.multinomial((logits[0, -1] / temperature).softmax(-1), 1, generator=generator)
            written += model.alphabet[read]  # and from now on, only this one is new to the model
    return written


def save(model: CharRNN, path: str | os.PathLike[str]) -> None:
    """Everything that `load` needs, in one file."""
    torch.save({"alphabet": model.alphabet, "width": model.output.in_features, "weights": model.state_dict()}, path)


def load(path: str | os.PathLike[str]) -> CharRNN:
    """The model that `save` wrote. Raises an exception for a file that would run code."""
    saved = torch.load(path, weights_only=True)  # tensors and plain values: a pickle may do whatever its author likes
    model = CharRNN(saved["alphabet"], saved["width"])
    model.load_state_dict(saved["weights"])
    return model


def _encode(text: str, alphabet: str) -> Int[Tensor, " n"]:
    number = {character: i for i, character in enumerate(alphabet)}
    unknown = set(text) - set(number)
    if unknown:
        raise ValueError(f"the alphabet lacks {sorted(unknown)}")
    return torch.tensor([number[character] for character in text])


@contextmanager
def _reading(model: nn.Module) -> Iterator[None]:
    """Evaluation without a graph; afterwards the model is in the mode in which it was."""
    mode = model.training
    try:
        with torch.no_grad():
            model.eval()
            yield
    finally:
        model.train(mode)
