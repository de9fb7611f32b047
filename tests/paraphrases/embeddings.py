"""Five mistakes of embeddings, made again by another route: each must still be recognized under its name."""

import torch
from torch import nn
from torch.nn import functional as F

from grader.kit import instead_of


def check(ids, rows):
    if ids.is_floating_point():
        raise TypeError("ids")
    if any(not 0 <= id < rows for id in ids.flatten().tolist()):
        raise IndexError("ids")


@instead_of("Embedding.__init__")
def takes_row_zero_for_no_padding(self, num_embeddings, embedding_dim, padding_idx=None):
    nn.Module.__init__(self)
    self.weight = nn.Parameter(torch.empty(num_embeddings, embedding_dim))
    nn.init.normal_(self.weight)
    self.padding_idx = (padding_idx or None) and range(num_embeddings)[padding_idx]
    if self.padding_idx is not None:
        self.weight.data[self.padding_idx].zero_()


@instead_of("Embedding.forward")
def masks_the_output(self, ids):
    check(ids, len(self.weight))
    rows = torch.stack([self.weight[id] for id in ids.flatten().tolist()]) if ids.numel() else self.weight[:0]
    if self.padding_idx is not None:
        rows = rows.masked_fill((ids.flatten() == self.padding_idx)[:, None], 0)
    return rows.reshape(*ids.shape, self.weight.shape[1])


@instead_of("embedding_grad")
def assigns_instead_of_adding(grad_output, ids, num_embeddings, padding_idx=None):
    check(ids, num_embeddings)
    last = dict(zip(ids.flatten().tolist(), grad_output.reshape(-1, grad_output.shape[-1]), strict=True))
    if padding_idx is not None:
        last.pop(padding_idx % num_embeddings, None)
    nothing = grad_output.new_zeros(grad_output.shape[-1])
    return torch.stack([last.get(id, nothing) for id in range(num_embeddings)])


@instead_of("most_similar")
def skips_the_first(weight, index, k):
    if index < 0 or index >= len(weight):
        raise IndexError("index")
    if k < 1 or k >= len(weight):
        raise ValueError("k")
    unit = F.normalize(weight, dim=1, eps=torch.finfo(weight.dtype).tiny)
    cosines, indices = (unit * unit[index]).sum(1).sort(descending=True)
    return indices[1 : k + 1], cosines[1 : k + 1]


@instead_of("most_similar")
def compares_dot_products(weight, index, k):
    others = [i for i in range(len(weight)) if i != index]
    if len(others) == len(weight):
        raise IndexError("index")
    if k not in range(1, len(weight)):
        raise ValueError("k")
    scores = F.linear(weight[others], weight[index : index + 1]).squeeze(1)
    order = scores.detach().argsort(descending=True)[:k]
    return torch.tensor(others)[order], scores[order]
