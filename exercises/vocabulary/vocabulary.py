from collections.abc import Iterable

import torch
from jaxtyping import Int
from torch import Tensor

PADDING, UNKNOWN = "<pad>", "<unk>"  # the ids 0 and 1


class Vocabulary:
    """The tokens of some texts, numbered: 0 is padding, 1 is whatever is not in the vocabulary, 2 the most frequent token.

    `tokens` lists all entries in the order of their ids, and `len` counts them.
    """

    tokens: list[str]

    def __init__(self, texts: Iterable[Iterable[str]], max_size: int | None = None, min_count: int = 1) -> None:
        """Number the tokens that occur at least `min_count` times, by falling count and then by their characters.

        `max_size` limits all entries together. Raises ValueError where it is below 2, or `min_count` below 1.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def encode(self, text: Iterable[str]) -> Int[Tensor, " n"]:
        """The id of every token, as int64; 1 for those that the vocabulary lacks."""
        raise NotImplementedError

    def encode_batch(self, texts: Iterable[Iterable[str]]) -> Int[Tensor, "batch longest"]:
        """The texts as rows, the shorter ones filled up with padding on the right."""
        raise NotImplementedError

    def decode(self, ids: Int[Tensor, " n"]) -> list[str]:
        """The token of every id, padding left out. Raises IndexError for an id that no entry has."""
        raise NotImplementedError
