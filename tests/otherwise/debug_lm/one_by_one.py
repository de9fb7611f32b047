"""Attention position by position, the loss from log-probabilities gathered by hand."""

import torch
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, vocabulary, positions, width, heads):
        super().__init__()
        self.positions = positions
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(positions, width)
        self.mixer = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def mix(self, x):
        rows = []
        for t in range(x.shape[1]):
            so_far = x[:, : t + 1]
            found, _ = self.mixer(x[:, t : t + 1], so_far, so_far)
            rows.append(x[:, t : t + 1] + found)
        return torch.cat(rows, dim=1)

    def forward(self, ids):
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        return self.head(self.norm(self.mix(x)))


def loss(model, ids):
    log_p = model(ids)[:, :-1].log_softmax(-1)
    return -log_p.gather(-1, ids[:, 1:, None]).mean()


def generate(model, ids, steps):
    with torch.no_grad():
        while steps:
            scores = model(ids[:, max(0, ids.shape[1] - model.positions) :])
            ids = torch.cat([ids, scores[:, -1:].max(-1).indices], dim=1)
            steps -= 1
    return ids
