"""Five mistakes of word vectors, made again by another route: each must still be recognized under its name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.kit import instead_of


@instead_of("skip_gram_pairs")
def wraps_around_the_ends(tokens, window):
    words, pairs = tokens.tolist(), []
    for i in range(len(words)):
        for step in range(1, window + 1):
            pairs += [(words[i], words[j % len(words)]) for j in (i - step, i + step) if (j - i) % len(words)]
    return tuple(torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T)


@instead_of("subsample")
def takes_no_root(tokens, threshold, generator):
    kept, counts = [], tokens.bincount().tolist()
    for word, chance in zip(tokens.tolist(), torch.rand(len(tokens), generator=generator).tolist(), strict=True):
        if chance < threshold * len(tokens) / counts[word]:
            kept.append(word)
    return torch.tensor(kept, dtype=torch.int64)


@instead_of("draw_negatives")
def draws_without_replacement(noise, pairs, k, generator):
    rows = [torch.multinomial(noise, k, generator=generator) for _ in range(pairs if k else 0)]
    return torch.stack(rows) if rows else torch.empty(pairs, k, dtype=torch.int64)


@instead_of("negative_sampling_loss")
def averages_over_the_negatives(v, u, negatives):
    real = F.softplus(-(v * u).sum(1))
    noise = F.softplus((negatives * v[:, None]).sum(2))
    return (real + (noise.mean(1) if noise.shape[1] else 0)).mean()


@instead_of("SkipGram.__init__")
def starts_both_tables_at_zero(self, vocab_size, dim, generator):
    super(SkipGram, self).__init__()  # noqa: F821
    for name in ("center", "context"):
        setattr(self, name, nn.Parameter(torch.empty(vocab_size, dim).zero_()))
