"""Counted and ordered by numpy, whose `unique` sorts, so that a stable sort by count leaves ties in order."""

import numpy
import torch


class Vocabulary:
    def __init__(self, texts, max_size=None, min_count=1):
        if min_count < 1:
            raise ValueError(min_count)
        if max_size is not None and max_size < 2:
            raise ValueError(max_size)
        tokens = numpy.array([token for text in texts for token in text if token not in {"<pad>", "<unk>"}], dtype=object)
        names, counts = numpy.unique(tokens, return_counts=True) if len(tokens) else (tokens, numpy.zeros(0, dtype=int))
        order = numpy.argsort(-counts, kind="stable")
        kept = names[order][counts[order] >= min_count].tolist()
        self.tokens = ["<pad>", "<unk>", *kept][: len(kept) + 2 if max_size is None else max_size]

    def __len__(self):
        return sum(1 for _ in self.tokens)

    def encode(self, text):
        place = {token: number for number, token in enumerate(self.tokens[2:], start=2)}
        return torch.from_numpy(numpy.array([place.get(token, 1) for token in text], dtype=numpy.int64))

    def encode_batch(self, texts):
        rows = [self.encode(text).numpy() for text in texts]
        batch = numpy.zeros((len(rows), max([len(row) for row in rows] + [0])), dtype=numpy.int64)
        for number, row in enumerate(rows):
            batch[number, : len(row)] = row
        return torch.from_numpy(batch)

    def decode(self, ids):
        numbers = ids.numpy().astype(numpy.int64)
        if ((numbers < 0) | (numbers >= len(self.tokens))).any():
            raise IndexError
        return [self.tokens[number] for number in numbers[numbers != 0]]
