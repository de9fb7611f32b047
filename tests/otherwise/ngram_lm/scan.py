"""No tables: the texts are kept, and every question is answered by reading them again."""

import math

import torch


class NGrams:
    def __init__(self, texts, order, vocab):
        if order <= 0 or vocab <= 0:
            raise ValueError
        self.order, self.vocab, self.texts = order, vocab, []
        for text in texts:
            for token in text.tolist():
                if token < 0 or token >= vocab:
                    raise IndexError(token)
            self.texts.append([None] * (order - 1) + text.tolist())

    def after(self, history, kinds=False):
        """How often each token followed; with `kinds`, after how many different ones in front of the history."""
        found, n = [set() for _ in range(self.vocab)], len(history)
        for number, text in enumerate(self.texts):
            for end in range(self.order - 1, len(text)):
                if text[end - n : end] == history:
                    found[text[end]].add(text[end - n - 1] if kinds else (number, end))
        return torch.tensor([len(each) for each in found], dtype=torch.float64)

    def history(self, context, n):
        return ([None] * self.order + context.tolist())[self.order + len(context) - n :]

    def add_k(self, context, k=1.0):
        if k <= 0 or k != k:
            raise ValueError
        counts = self.after(self.history(context, self.order - 1))
        return (counts + k) / (counts.sum() + k * self.vocab)

    def interpolated(self, context, weights):
        if len(weights) != self.order + 1 or any(w < 0 for w in weights) or not -1e-6 <= sum(weights) - 1 <= 1e-6:
            raise ValueError
        mean = shares = torch.ones(self.vocab, dtype=torch.float64) / self.vocab
        mean = mean * weights[0]
        for n in range(self.order):
            counts = self.after(self.history(context, n))
            shares = counts / counts.sum() if counts.any() else shares
            mean = mean + weights[n + 1] * shares
        return mean

    def kneser_ney(self, context, discount=0.75):
        if not 0 <= discount <= 1:
            raise ValueError
        p = torch.ones(self.vocab, dtype=torch.float64) / self.vocab
        for n in range(self.order):
            counts = self.after(self.history(context, n), kinds=n < self.order - 1)
            if counts.any():
                p = torch.relu(counts - discount) / counts.sum() + discount * (counts > 0).sum() / counts.sum() * p
        return p


def perplexity(model, texts):
    product, n = 0.0, 0
    for text in texts:
        for i in range(len(text)):
            p = model(text[:i])[int(text[i])].item()
            if p == 0:
                return math.inf
            product, n = product + math.log2(p), n + 1
    if n == 0:
        raise ValueError
    return 2 ** (-product / n)
