"""One character at a time, and states made without a graph before any chunk is differentiated."""

import torch
from torch import nn
from torch.nn import functional as F


def streams(ids, batch):
    return ids.narrow(0, 0, len(ids) - len(ids) % batch).reshape(batch, -1)


class CharacterModel(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.cell = nn.GRU(width, width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids, state=None):
        logits = []
        for column in ids.unbind(1):
            out, state = self.cell(self.embed(column).unsqueeze(0), state)
            logits.append(self.head(out.squeeze(0)))
        return torch.stack(logits, 1), state


def accumulate(model, ids, length):
    starts, state = [], None
    cuts = range(0, ids.shape[1] - 1, length)
    with torch.no_grad():
        for start in cuts:
            starts.append(state)
            _, state = model(ids[:, start : start + length], state)
    mean = 0.0
    for start, before in zip(cuts, starts, strict=True):
        stop = min(start + length, ids.shape[1] - 1)
        logits, _ = model(ids[:, start:stop], before)
        share = (stop - start) / (ids.shape[1] - 1)
        loss = share * F.cross_entropy(logits.transpose(1, 2), ids[:, start + 1 : stop + 1])
        loss.backward()
        mean += loss.item()
    return mean
