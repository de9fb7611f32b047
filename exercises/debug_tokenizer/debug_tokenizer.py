import re
from collections import Counter

import torch
from jaxtyping import Bool, Int
from torch import Tensor

PADDING, UNKNOWN = 0, 1  # ids that belong to no word


def words(text: str) -> list[str]:
    """The words of a text in lower case, in any of the scripts that we serve; white space is left out."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def build(texts: list[str], size: int) -> dict[str, int]:
    """The ids of the most frequent words of some texts, for an embedding with `size` rows."""
    counts = Counter(word for text in texts for word in words(text))
    kept = counts.most_common(size)
    return {word: number for number, (word, _) in enumerate(kept, start=2)}


def encode(text: str, vocabulary: dict[str, int]) -> list[int]:
    """One id for every word of a text."""
    return [vocabulary.get(word, 0) for word in words(text)]


def padded(rows: list[list[int]]) -> tuple[Int[Tensor, "batch longest"], Bool[Tensor, "batch longest"]]:
    """The rows under one another, filled up at the right with PADDING, and a mask that is True where a word stands."""
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.full((len(rows), int(lengths.max())), PADDING)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
    return ids, torch.arange(ids.shape[1]) < lengths[:, None]
