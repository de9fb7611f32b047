"""The reference pads as torch does, and its windows are those of `unfold`."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists
from torch.nn.utils.rnn import pad_sequence

from grader.kit import agrees, seeds
from solutions.batching.batching import pad, windows


def ids(seed, n):
    return torch.randint(10, (n,), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=40)
@given(seeds, lists(integers(0, 8), min_size=1, max_size=5), integers(-1, 9))
def test_padding_is_that_of_pad_sequence(seed, lengths, padding):
    rows = [ids(seed + i, length) for i, length in enumerate(lengths)]
    batch, mask = pad(rows, padding)
    agrees(batch, pad_sequence(rows, batch_first=True, padding_value=padding))
    agrees(mask, pad_sequence([torch.ones(length, dtype=torch.bool) for length in lengths], batch_first=True))


@settings(max_examples=40)
@given(seeds, integers(1, 5), integers(1, 6), integers(1, 15))
def test_windows_are_those_of_unfold(seed, context, stride, more):
    tokens = ids(seed, context + more)
    inputs, targets = windows(tokens, context, stride)
    whole = tokens.unfold(0, context + 1, stride)
    agrees(inputs, whole[:, :-1])
    agrees(targets, whole[:, 1:])
