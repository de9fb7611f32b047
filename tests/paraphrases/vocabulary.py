"""Four mistakes of vocabulary, made again by another route: each must still be recognized under its name."""

import torch

from grader.kit import instead_of


@instead_of("Vocabulary.__init__")
def breaks_ties_by_first_appearance(self, texts, max_size=None, min_count=1):
    if min_count < 1 or (max_size or 2) < 2 or max_size == 0:
        raise ValueError
    counts = {}
    for text in texts:
        for token in text:
            if token not in ("<pad>", "<unk>"):
                counts[token] = counts.get(token, 0) + 1
    frequent = [token for token in sorted(counts, key=counts.get, reverse=True) if counts[token] >= min_count]
    self.tokens = ["<pad>", "<unk>", *frequent][:max_size]
    self._ids = dict(zip(self.tokens[2:], range(2, len(self.tokens)), strict=True))


@instead_of("Vocabulary.encode")
def skips_unknown_tokens(self, text):
    ids = [self.tokens.index(token) for token in text if token in self.tokens]
    return torch.tensor([number for number in ids if number > 1], dtype=torch.long)


@instead_of("Vocabulary.encode_batch")
def pads_on_the_left(self, texts):
    rows = [self.encode(text).tolist() for text in texts]
    longest = max((len(row) for row in rows), default=0)
    return torch.tensor([[0] * (longest - len(row)) + row for row in rows], dtype=torch.long).reshape(len(rows), longest)


@instead_of("Vocabulary.decode")
def stops_at_the_first_padding(self, ids):
    if len(ids) and (ids.long().min() < 0 or ids.long().max() >= len(self.tokens)):
        raise IndexError
    zeros = (ids == 0).nonzero().flatten().tolist()
    return [self.tokens[i] for i in ids[: zeros[0] if zeros else None].tolist()]
