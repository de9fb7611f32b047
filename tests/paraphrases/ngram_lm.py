"""Four mistakes of ngram_lm, made again by another route: each must still be recognized under its name."""

from collections import Counter, defaultdict

import torch

from grader.kit import instead_of


@instead_of("NGrams.__init__")
def joins_the_texts(self, texts, order, vocab):
    if order < 1 or vocab < 1:
        raise ValueError
    stream = torch.cat([torch.zeros(0, dtype=torch.int64), *(text.long() for text in texts)])
    if len(stream) and (stream.min() < 0 or stream.max() >= vocab):
        raise IndexError
    self.order, self.vocab = order, vocab
    stream = torch.cat([torch.full((order - 1,), -1), stream])
    self._followers, self._continuations = defaultdict(Counter), defaultdict(Counter)
    for window in stream.unfold(0, order, 1).tolist() if len(stream) >= order else []:
        *history, token = window
        for start in range(order):
            self._followers[tuple(history[start:])][token] += 1
    for history in list(self._followers):
        for token in self._followers[history] if history else ():
            self._continuations[history[1:]][token] += 1


@instead_of("NGrams.interpolated")
def loses_the_weight_of_new_histories(self, context, weights):
    if len(weights) - 1 != self.order or any(weight < 0 for weight in weights) or abs(1 - sum(weights)) > 1e-6:
        raise ValueError
    p = [weights[0] / self.vocab] * self.vocab
    history = self._history(context.tolist())
    for start in range(self.order):
        followers = self._followers.get(history[start:], {})
        for token, count in followers.items():
            p[token] += weights[self.order - start] * count / sum(followers.values())
    return torch.tensor(p, dtype=torch.float64)


@instead_of("NGrams.kneser_ney")
def counts_tokens_in_the_lower_orders(self, context, discount=0.75):
    if not (discount >= 0 and discount <= 1):
        raise ValueError

    def p(history):
        lower = p(history[1:]) if history else [1 / self.vocab] * self.vocab
        followers = self._followers.get(history)
        if not followers:
            return lower
        total = sum(followers.values())
        left = discount * len(followers) / total
        return [max(followers[w] - discount, 0) / total + left * lower[w] for w in range(self.vocab)]

    return torch.tensor(p(self._history(context.tolist())), dtype=torch.float64)


@instead_of("perplexity")
def averages_over_texts(model, texts):
    each = []
    for text in texts:
        if len(text):
            chances = torch.stack([model(text[:i])[text[i]] for i in range(len(text))])
            each.append(chances.log().mean().neg().exp())
    if not each:
        raise ValueError("nothing")
    return float(torch.stack(each).mean())
