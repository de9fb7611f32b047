"""Full tensors that rows are written into, and the product as two linear maps."""

import torch
from torch import nn
from torch.nn import functional as F

IGNORED = -100


def labelled(prompt, answer, end):
    learned = list(answer)
    learned.append(end)
    return list(prompt) + learned, [IGNORED for _ in prompt] + learned


def collate(rows, end):
    shape = len(rows), max(len(ids) for ids, _ in rows)
    ids, labels = torch.full(shape, end), torch.full(shape, IGNORED)
    mask = torch.zeros(shape, dtype=torch.bool)
    for number, (some, marks) in enumerate(rows):
        place = slice(0, len(some))
        ids[number, place], labels[number, place], mask[number, place] = torch.tensor(some), torch.tensor(marks), True
    return ids, labels, mask


class LoRA(nn.Module):
    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer = layer
        self.layer.weight.requires_grad_(False)
        if layer.bias is not None:
            self.layer.bias.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.factor = alpha / rank

    def forward(self, x):
        return self.layer(x) + F.linear(F.linear(x, self.down), self.up * self.factor)
