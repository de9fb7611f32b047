"""No dictionary of ids: tokens are found by bisection in a sorted copy, and the count of each by runs in a sorted list."""

from bisect import bisect_left
from itertools import groupby, zip_longest

import torch


class Vocabulary:
    def __init__(self, texts, max_size=None, min_count=1):
        if min_count < 1 or (max_size is not None and max_size <= 1):
            raise ValueError
        tokens = sorted(token for text in texts for token in text)
        runs = [(-len(list(run)), token) for token, run in groupby(tokens) if token not in ("<pad>", "<unk>")]
        words = [token for times, token in sorted(runs) if -times >= min_count]
        self.words = words if max_size is None else words[: max_size - 2]
        self.sorted = sorted((token, number + 2) for number, token in enumerate(self.words))

    @property
    def tokens(self):
        return ["<pad>", "<unk>", *self.words]

    def __len__(self):
        return 2 + len(self.words)

    def find(self, token):
        place = bisect_left(self.sorted, (token,))
        found = place < len(self.sorted) and self.sorted[place][0] == token
        return self.sorted[place][1] if found else 1

    def encode(self, text):
        return torch.tensor([self.find(token) for token in text]).long()

    def encode_batch(self, texts):
        rows = [[self.find(token) for token in text] for text in texts]
        columns = list(zip_longest(*rows, fillvalue=0))
        return torch.tensor(columns, dtype=torch.int64).reshape(len(columns), len(rows)).T

    def decode(self, ids):
        names = []
        for number in map(int, ids):
            if number not in range(len(self)):
                raise IndexError(number)
            names += [self.tokens[number]] * (number > 0)
        return names
