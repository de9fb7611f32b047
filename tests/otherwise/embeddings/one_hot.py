"""Everything as products with one-hot matrices, by einsum."""

import torch
from torch import nn
from torch.nn import functional as F


def one_hot(ids, rows, dtype):
    if ids.dtype.is_floating_point:
        raise TypeError("floating ids")
    if not all(0 <= id < rows for id in ids.flatten().tolist()):
        raise IndexError("no such row")
    return F.one_hot(ids.long(), rows).to(dtype)


class Embedding(nn.Module):
    def __init__(self, num_embeddings, embedding_dim, padding_idx=None):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_embeddings, embedding_dim).normal_())
        self.learns = torch.ones(num_embeddings, 1, dtype=torch.bool)
        if padding_idx is not None:
            self.learns[padding_idx] = False
            self.weight.data *= self.learns

    def forward(self, ids):
        weight = torch.where(self.learns, self.weight, self.weight.detach())
        return torch.einsum("...v,vd->...d", one_hot(ids, len(weight), weight.dtype), weight)


def embedding_grad(grad_output, ids, num_embeddings, padding_idx=None):
    chosen = one_hot(ids, num_embeddings, grad_output.dtype)
    if padding_idx is not None:
        chosen[..., padding_idx] = 0
    return torch.einsum("...v,...d->vd", chosen, grad_output)


def most_similar(weight, index, k):
    if index not in range(len(weight)):
        raise IndexError("no such row")
    if k not in range(1, len(weight)):
        raise ValueError("no such k")
    squares = torch.einsum("vd,vd->v", weight, weight)
    lengths = torch.where(squares == 0, 1, squares).sqrt()
    cosines = torch.einsum("vd,d->v", weight, weight[index]) / lengths / lengths[index]
    others = torch.tensor([other for other in range(len(weight)) if other != index])
    found, places = cosines[others].sort(descending=True)
    return others[places[:k]], found[:k]
