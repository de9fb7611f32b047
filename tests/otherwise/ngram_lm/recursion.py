"""One table of whole n-grams; shorter counts are derived from it, and Kneser-Ney is its own formula, in exact fractions."""

from collections import Counter
from fractions import Fraction
from functools import reduce

import torch


class NGrams:
    def __init__(self, texts, order, vocab):
        if not (order >= 1 and vocab >= 1):
            raise ValueError
        self.n, self.v = order, vocab
        whole = Counter()
        for text in texts:
            line = ("<s>",) * (order - 1) + tuple(int(token) for token in text)
            if any(token not in range(vocab) for token in line[order - 1 :]):
                raise IndexError
            whole.update(line[i : i + order] for i in range(len(line) - order + 1))
        self.plain, self.kinds = {}, {}
        for cut in range(order):
            shorter, kinds = Counter(), Counter()
            for gram, times in whole.items():
                shorter[gram[cut:]] += times
            for gram in {gram[cut - 1 :] for gram in whole} if cut else ():
                kinds[gram[1:]] += 1
            for table, counts in ((self.plain, shorter), (self.kinds, kinds if cut else shorter)):
                for gram, times in counts.items():
                    table.setdefault(gram[:-1], {})[gram[-1]] = times

    def histories(self, context):
        full = (["<s>"] * self.n + context.tolist())[len(context) + 1 :]
        return [tuple(full[cut:]) for cut in range(self.n)]

    def vector(self, values):
        return torch.tensor([float(value) for value in values], dtype=torch.double)

    def add_k(self, context, k=1.0):
        if not k > 0:
            raise ValueError
        seen = self.plain.get(self.histories(context)[0], {})
        total = sum(seen.values()) + k * self.v
        return self.vector((seen.get(w, 0) + k) / total for w in range(self.v))

    def interpolated(self, context, weights):
        if len(weights) != self.n + 1 or min(weights) < 0 or abs(sum(weights) - 1) > 1e-6:
            raise ValueError
        p, waiting = [0.0] * self.v, 0.0
        for history, weight in zip(self.histories(context), reversed(weights[1:]), strict=True):
            seen, waiting = self.plain.get(history), waiting + weight
            if seen:
                for w, times in seen.items():
                    p[w] += waiting * times / sum(seen.values())
                waiting = 0.0
        return self.vector(value + (waiting + weights[0]) / self.v for value in p)

    def kneser_ney(self, context, discount=0.75):
        if not 0 <= discount <= 1:
            raise ValueError
        d = Fraction(discount)

        def higher(p, history):
            seen = self.kinds.get(history)
            if not seen:
                return p
            total = sum(seen.values())
            kept, left = {w: max(times - d, 0) / total for w, times in seen.items()}, d * len(seen) / total
            return [kept.get(w, 0) + left * p[w] for w in range(self.v)]

        start = [Fraction(1, self.v)] * self.v
        return self.vector(reduce(higher, reversed(self.histories(context)), start))


def perplexity(model, texts):
    chances = [model(text[:i])[token] for text in texts for i, token in enumerate(text.tolist())]
    if len(chances) == 0:
        raise ValueError
    return float(torch.exp(-torch.log(torch.stack(chances)).mean()))
