"""down starts at zero instead, padding by pad_sequence, labels by a mask."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

IGNORED = -100


def labelled(prompt, answer, end):
    ids = prompt + answer + [end]
    return ids, [number if place >= len(prompt) else IGNORED for place, number in enumerate(ids)]


def collate(rows, end):
    columns = [[torch.tensor(part) for part in parts] for parts in zip(*rows, strict=True)]
    columns.append([torch.ones(len(ids), dtype=torch.bool) for ids, _ in rows])
    return tuple(pad_sequence(part, True, fill) for part, fill in zip(columns, (end, IGNORED, False), strict=True))


class LoRA(nn.Module):
    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer, self.alpha, self.rank = layer, alpha, rank
        for parameter in layer.parameters():
            parameter.requires_grad = False
        self.down = nn.Parameter(layer.weight.new_zeros(rank, layer.in_features))
        self.up = nn.Parameter(layer.weight.new_empty(layer.out_features, rank).uniform_(0.1, 1.0))

    def forward(self, x):
        return nn.functional.linear(x, self.layer.weight + self.alpha * (self.up @ self.down) / self.rank, self.layer.bias)
