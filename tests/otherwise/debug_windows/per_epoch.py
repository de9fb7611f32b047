"""A seed for every epoch, derived from the run's; padding by pad_sequence."""

import torch
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

IGNORED = -100


def window(text):
    return 1 + max(map(len, text.split("\n")))


def examples(text, characters, length):
    rows = [torch.tensor([characters.find(c) for c in "\n" + line + "\n"]) for line in text.split("\n")]
    both = pad_sequence(rows, batch_first=True, padding_value=IGNORED)
    both = pad(both, (0, max(0, length + 1 - both.shape[1])), value=IGNORED)[:, : length + 1]
    targets = both[:, 1:]
    return both[:, :-1].clamp(min=0), targets


def batches(pairs, size, epochs, seed):
    inputs, targets = pairs
    for epoch in range(epochs):
        dice = torch.Generator()
        dice.manual_seed((seed * 1_000_003 + epoch) % 2**63)
        order = torch.rand(len(inputs), generator=dice).argsort()
        yield from zip(inputs[order].split(size), targets[order].split(size), strict=True)
