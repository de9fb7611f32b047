"""No mask in the model: a piece is taken in id by id, each of which may see all that is cached."""

import torch
from torch import nn


def positions(past, time):
    return torch.tensor([past + i for i in range(time)])


def allowed(past, time):
    return torch.cat([torch.ones(time, past), torch.eye(time).cumsum(0)], dim=1).bool()


class CachedModel(nn.Module):
    def __init__(self, vocabulary, longest, width):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(longest, width)
        for name in ("query", "key", "value"):
            setattr(self, name, nn.Linear(width, width))
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids, cache=None):
        logits = []
        for column in ids.T:
            x = self.tokens(column)[:, None] + self.places.weight[0 if cache is None else cache[0].shape[1]]
            new = self.key(x), self.value(x)
            cache = new if cache is None else (torch.cat([cache[0], new[0]], 1), torch.cat([cache[1], new[1]], 1))
            weights = torch.einsum("bqw,bkw->bqk", self.query(x), cache[0]).div(x.shape[-1] ** 0.5).softmax(-1)
            logits.append(self.head(x + torch.einsum("bqk,bkw->bqw", weights, cache[1])))
        return torch.cat(logits, 1), cache


@torch.no_grad()
def generate(model, ids, steps):
    if steps == 0:
        return ids
    logits, cache = model(ids)
    ids = torch.cat([ids, logits[:, -1].topk(1).indices], 1)
    while steps := steps - 1:
        logits, cache = model(ids[:, -1:], cache)
        ids = torch.cat([ids, logits[:, -1].topk(1).indices], 1)
    return ids
