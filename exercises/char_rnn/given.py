"""What the exercise gives: the settings of a run, and a real text."""

from dataclasses import dataclass
from pydoc_data import topics


@dataclass(frozen=True)
class Config:
    """One training run. The defaults learn 110,000 characters of `text()` in two seconds of one CPU."""

    width: int = 64
    streams: int = 16
    window: int = 32
    passes: int = 1
    learning_rate: float = 0.01
    grad_clip: float = 1.0
    seed: int = 0


def text() -> str:
    """Python's language reference, about 465,000 characters."""
    return "\n".join(topics.topics.values())
