from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

IGNORED = -100  # the target of a place that no loss should count
Pairs = tuple[Int[Tensor, "lines window"], Int[Tensor, "lines window"]]


def window(text: str) -> int:
    """The places that every line of a text fits in, together with its line break."""
    return max(len(line) for line in text.split("\n")) + 1


def examples(text: str, characters: str, length: int) -> Pairs:
    """Inputs and targets, a line of the text in each row; an id is a character's place in `characters`.

    The input is a line break and the line, the target is the line and a line break.
    """
    lines = text.split("\n")
    inputs = torch.zeros(len(lines), length, dtype=torch.int64)
    # Behind the end of a line there is nothing to predict. Zero would be a target like any other: that of a character.
    targets = torch.full((len(lines), length), IGNORED)
    for row, line in enumerate(lines):
        ids = torch.tensor([characters.index(character) for character in f"\n{line}\n"])[: length + 1]
        inputs[row, : len(ids) - 1] = ids[:-1]
        targets[row, : len(ids) - 1] = ids[1:]
    return inputs, targets


def batches(pairs: Pairs, size: int, epochs: int, seed: int) -> Iterator[Pairs]:
    """Batches of `size` rows, every row once in an epoch, in an order that follows from the seed."""
    inputs, targets = pairs
    generator = torch.Generator().manual_seed(seed)  # once: each epoch goes on where the last one left it
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs), generator=generator).split(size):
            yield inputs[rows], targets[rows]
