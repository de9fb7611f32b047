"""In numpy: runs of tokens as rows of an array, found again by comparing whole columns."""

import numpy
import torch


class NGrams:
    def __init__(self, texts, order, vocab):
        if order < 1 or vocab < 1:
            raise ValueError((order, vocab))
        self.order, self.vocab = order, vocab
        rows = [numpy.zeros((0, order), dtype=int)]
        for text in texts:
            tokens = text.numpy().astype(int)
            if ((tokens < 0) | (tokens >= vocab)).any():
                raise IndexError
            if len(tokens):
                line = numpy.concatenate([numpy.full(order - 1, -1), tokens])
                rows.append(numpy.lib.stride_tricks.sliding_window_view(line, order))
        self.rows = numpy.concatenate(rows)

    def counts(self, context, length, rows):
        line = numpy.concatenate([numpy.full(self.order, -1), context.numpy().astype(int)])
        last = rows[:, -1]
        seen = (rows[:, rows.shape[1] - 1 - length : -1] == line[len(line) - length :]).all(1)
        return numpy.bincount(last[seen], minlength=self.vocab).astype(float)

    def add_k(self, context, k=1.0):
        if not k > 0:
            raise ValueError(k)
        counts = self.counts(context, self.order - 1, self.rows)
        return torch.from_numpy((counts + k) / (counts.sum() + k * self.vocab))

    def interpolated(self, context, weights):
        weights = numpy.array(weights)
        if weights.shape != (self.order + 1,) or (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
            raise ValueError(weights)
        shares = [numpy.full(self.vocab, 1 / self.vocab)]
        for length in range(self.order):
            counts = self.counts(context, length, self.rows)
            shares.append(counts / counts.sum() if counts.sum() else shares[-1])
        return torch.from_numpy(weights @ numpy.stack(shares))

    def kneser_ney(self, context, discount=0.75):
        if not (0 <= discount <= 1):
            raise ValueError(discount)
        p = numpy.full(self.vocab, 1 / self.vocab)
        for length in range(self.order):
            rows = self.rows
            if length < self.order - 1:
                rows = numpy.unique(self.rows[:, self.order - length - 2 :], axis=0)
            counts = self.counts(context, length, rows)
            if counts.sum():
                p = (numpy.maximum(counts - discount, 0) + discount * numpy.count_nonzero(counts) * p) / counts.sum()
        return torch.tensor(p)


def perplexity(model, texts):
    losses = []
    for text in texts:
        for place, token in enumerate(text):
            with numpy.errstate(divide="ignore"):
                losses.append(-numpy.log(model(text[:place]).numpy()[token]))
    if not losses:
        raise ValueError
    return float(numpy.exp(numpy.mean(losses)))
