from collections import Counter
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
        special = (PADDING, UNKNOWN)
        if min_count < 1 or (max_size is not None and max_size < len(special)):
            raise ValueError(f"max_size {max_size} or min_count {min_count} is too small")
        counts = Counter(token for text in texts for token in text if token not in special)
        frequent = [token for token, count in counts.items() if count >= min_count]
        # most_common would break ties by first appearance: another order of the files, and every id means another word.
        frequent.sort(key=lambda token: (-counts[token], token))
        self.tokens = [*special, *frequent][:max_size]
        # Without the special ones, so that no text can ask for padding by spelling its name.
        self._ids = {token: number for number, token in enumerate(self.tokens) if token not in special}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: Iterable[str]) -> Int[Tensor, " n"]:
        """The id of every token, as int64; 1 for those that the vocabulary lacks."""
        # The dtype is said, since an empty list alone would become float32.
        return torch.tensor([self._ids.get(token, 1) for token in text], dtype=torch.int64)

    def encode_batch(self, texts: Iterable[Iterable[str]]) -> Int[Tensor, "batch longest"]:
        """The texts as rows, the shorter ones filled up with padding on the right."""
        rows = [self.encode(text) for text in texts]
        batch = torch.zeros(len(rows), max(map(len, rows), default=0), dtype=torch.int64)
        for number, row in enumerate(rows):
            batch[number, : len(row)] = row
        return batch

    def decode(self, ids: Int[Tensor, " n"]) -> list[str]:
        """The token of every id, padding left out. Raises IndexError for an id that no entry has."""
        numbers = ids.tolist()  # plain integers: a tensor as the key of a dict is found by identity, that is, never
        if any(number < 0 for number in numbers):  # said here: a list takes -1 for its last element
            raise IndexError("an id is not negative")
        return [self.tokens[number] for number in numbers if number != 0]
