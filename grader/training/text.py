"""The text of a run: bytes, or byte-level BPE, with a tenth held out; and bits per byte, by which tokenizers compare."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from grader.training.recipe import RunError

BYTES = 256
LINES = 1000  # lines given to the tokenizer at a time


@dataclass(frozen=True)
class Text:
    """Tokens to train on and tokens held out, and how to write tokens as text again."""

    name: str
    sha256: str  # of the whole text
    training: Int[Tensor, " n"]  # uint8 for bytes, int32 for BPE
    held_out: Int[Tensor, " m"]
    bytes_per_token: float  # of the held-out text
    tokenizer: str = ""  # of the `tokenizers` library, as JSON; '' for bytes

    def bits_per_byte(self, loss: float) -> float:
        """Of a loss in nats per token. The number of tokens cancels, so that vocabularies of all sizes compare."""
        return loss / math.log(2) / self.bytes_per_token

    def decode(self, tokens: list[int]) -> str:
        if not self.tokenizer:
            return bytes(tokens).decode(errors="replace")
        from tokenizers import Tokenizer

        return str(Tokenizer.from_str(self.tokenizer).decode(tokens))


def source(path: Path | None) -> tuple[str, str]:
    """(name, text) of a file in UTF-8; without a path, Python's language reference, which comes with every Python.

    Raises RunError for a file that is missing, empty or no text.
    """
    if path is None:
        from pydoc_data import topics

        return "Python's language reference", "\n".join(topics.topics.values())
    try:
        content = path.read_bytes()
    except OSError as why:
        raise RunError(f"--data {path}: {why.strerror}") from None
    if not content:
        raise RunError(f"--data {path}: the file is empty")
    try:
        return str(path), content.decode("utf-8")
    except UnicodeDecodeError as why:
        raise RunError(f"--data {path}: no UTF-8 at byte {why.start}; give it a text file") from None


def tokens(name: str, text: str, vocab: int, context: int, tokenizer: str = "") -> Text:
    """Parts `text` at nine tenths and encodes both, with `tokenizer` or with one that the first part teaches.

    Raises RunError for a text that holds no window of `context` tokens and its last target in either part.
    """
    boundary = len(text) - len(text) // 10
    parts = text[:boundary], text[boundary:]
    if vocab == BYTES:
        training, held_out = (torch.frombuffer(bytearray(part.encode() or b"\0"), dtype=torch.uint8) for part in parts)
    else:
        tokenizer = tokenizer or _learn(parts[0], vocab)
        training, held_out = (_encode(tokenizer, part) for part in parts)
    shortest = min(len(training), len(held_out))
    if shortest <= context:
        raise RunError(
            f"{name}: too short; the tenth that is held out has {len(held_out)} tokens, and a context of {context} needs"
            f" {context + 1}"
        )
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Text(name, digest, training, held_out, len(parts[1].encode()) / len(held_out), tokenizer)


def _learn(text: str, vocab: int) -> str:
    from tokenizers import ByteLevelBPETokenizer  # only a vocabulary of more than bytes pays for it

    learner = ByteLevelBPETokenizer()
    learner.train_from_iterator(_pieces(text), vocab_size=vocab, min_frequency=2, show_progress=False)
    return learner.to_str()


def _encode(tokenizer: str, text: str) -> Int[Tensor, " n"]:
    from tokenizers import Tokenizer

    encoded = Tokenizer.from_str(tokenizer).encode_batch(_pieces(text))
    return torch.tensor([number for piece in encoded for number in piece.ids], dtype=torch.int32)


def _pieces(text: str) -> list[str]:
    """The text in pieces that end with a line."""
    lines = text.splitlines(keepends=True)
    return ["".join(lines[start : start + LINES]) for start in range(0, len(lines), LINES)]
