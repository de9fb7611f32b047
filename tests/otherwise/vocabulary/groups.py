"""Tokens grouped by count; a subclass of dict answers for what is missing."""

from itertools import chain

import torch
from torch.nn.utils.rnn import pad_sequence


class Ids(dict):
    def __missing__(self, token):
        return 1


class Vocabulary:
    def __init__(self, texts, max_size=None, min_count=1):
        if min_count <= 0 or not (max_size is None or max_size >= 2):
            raise ValueError("limits")
        counts = {}
        for token in chain.from_iterable(texts):
            counts[token] = counts.get(token, 0) + 1
        for name in ("<pad>", "<unk>"):
            counts.pop(name, None)
        groups = {}
        for token, times in counts.items():
            groups.setdefault(times, []).append(token)
        ranked = [token for times in sorted(groups, reverse=True) if times >= min_count for token in sorted(groups[times])]
        self.tokens = ["<pad>", "<unk>", *ranked]
        del self.tokens[max_size if max_size is not None else len(self.tokens) :]
        self.ids = Ids((token, number) for number, token in enumerate(self.tokens) if number > 1)

    def __len__(self):
        return len(self.ids) + 2

    def encode(self, text):
        return torch.LongTensor([self.ids[token] for token in text])

    def encode_batch(self, texts):
        rows = [self.encode(text) for text in texts]
        return pad_sequence(rows, batch_first=True, padding_value=0) if rows else torch.empty(0, 0, dtype=torch.int64)

    def decode(self, ids):
        found = []
        for number in ids:
            if number < 0:
                raise IndexError(number)
            token = self.tokens[number]
            if number != 0:
                found.append(token)
        return found
