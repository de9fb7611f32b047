"""Spaces put around Chinese characters first, and then the old pattern."""

import re
from collections import Counter
from itertools import chain, islice

import torch

PADDING = 0
UNKNOWN = 1


def words(text):
    spaced = re.sub(r"([一-鿿])", r" \1 ", text.lower())
    return re.findall(r"\w+|[^\w\s]", spaced)


def build(texts, size):
    counts = Counter(chain.from_iterable(map(words, texts)))
    kept = islice(counts.most_common(), size - 2)
    return dict(zip((word for word, _ in kept), range(2, size), strict=False))


def encode(text, vocabulary):
    return list(map(lambda word: vocabulary.get(word, UNKNOWN), words(text)))


def padded(rows):
    longest = max(len(row) for row in rows)
    ids = [row + [PADDING] * (longest - len(row)) for row in rows]
    mask = [[True] * len(row) + [False] * (longest - len(row)) for row in rows]
    shape = len(rows), longest
    return torch.tensor(ids, dtype=torch.int64).view(shape), torch.tensor(mask, dtype=torch.bool).view(shape)
