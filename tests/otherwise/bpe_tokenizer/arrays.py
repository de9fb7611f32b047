"""In numpy: all different pieces in one array with borders between them, pairs counted by `unique` with weights."""

from collections import Counter

import numpy
import torch

from exercises.bpe_tokenizer.given import pieces

BORDER = -1


def flat(words):
    return numpy.array([token for word in words for token in [*word.encode(), BORDER]], dtype=numpy.int64)


def places(tokens, left, right):
    """Where the pair is merged: of places that overlap, in a run of one token, every other, from the left."""
    found = numpy.flatnonzero((tokens[:-1] == left) & (tokens[1:] == right))
    if left != right or not len(found):
        return found
    starts = numpy.concatenate([[True], numpy.diff(found) > 1])
    first = numpy.maximum.accumulate(numpy.where(starts, numpy.arange(len(found)), 0))
    return found[(numpy.arange(len(found)) - first) % 2 == 0]


def train(text, vocab_size):
    if vocab_size < 256:
        raise ValueError
    counts = Counter(pieces(text))
    tokens = flat(counts)
    weights = numpy.repeat(list(counts.values()), [len(piece.encode()) + 1 for piece in counts]) if counts else tokens
    merges = []
    while len(merges) < vocab_size - 256:
        inside = (tokens[:-1] != BORDER) & (tokens[1:] != BORDER)
        if not inside.any():
            break
        keys, inverse = numpy.unique((tokens[:-1] << 32 | tokens[1:])[inside], return_inverse=True)
        totals = numpy.bincount(inverse.ravel(), weights=weights[:-1][inside])
        best = int(keys[totals.argmax()])  # keys rise, and argmax takes the first
        left, right = best >> 32, best & 0xFFFFFFFF
        merges.append((left, right))
        where = places(tokens, left, right)
        tokens[where] = 255 + len(merges)
        tokens, weights = numpy.delete(tokens, where + 1), numpy.delete(weights, where + 1)
    return merges


def encode(text, merges):
    tokens = flat(pieces(text))
    for number, (left, right) in enumerate(merges):
        where = places(tokens, left, right)
        tokens[where] = 256 + number
        tokens = numpy.delete(tokens, where + 1)
    return torch.from_numpy(tokens[tokens != BORDER].copy())


def decode(ids, merges):
    numbers = ids.numpy().astype(numpy.int64)
    table = [bytes((byte,)) for byte in range(256)]
    for left, right in merges:
        table.append(table[left] + table[right])
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < len(table)):
        raise IndexError
    return str(b"".join([table[number] for number in numbers]), encoding="utf-8", errors="replace")
