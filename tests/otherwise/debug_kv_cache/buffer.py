"""A mask from positions, attention of torch's, generation by columns."""

import torch
from torch import nn
from torch.nn import functional as F


def positions(past, time):
    return past + torch.ones(time, dtype=torch.int64).cumsum(0) - 1


def allowed(past, time):
    return positions(0, past + time)[None, :] <= positions(past, time)[:, None]


class CachedModel(nn.Module):
    def __init__(self, vocabulary, longest, width):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids, cache=None):
        batch, time = ids.shape
        old = cache if cache is not None else 2 * (self.key.weight.new_zeros(batch, 0, self.key.out_features),)
        past = old[0].shape[1]
        x = self.tokens(ids) + self.places.weight[past : past + time]
        now = tuple(torch.cat(pair, 1) for pair in zip(old, (self.key(x), self.value(x)), strict=True))
        mixed = F.scaled_dot_product_attention(self.query(x), *now, attn_mask=allowed(past, time))
        return self.head(x + mixed), now


def generate(model, ids, steps):
    columns, cache = [ids], None
    with torch.no_grad():
        for _ in range(steps):
            logits, cache = model(columns[-1], cache)
            columns.append(logits[:, -1:].argmax(-1))
    return torch.cat(columns, 1)
