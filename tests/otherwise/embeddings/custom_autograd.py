"""A lookup with a backward pass of its own, by sorting; the neighbours from the whole table of unit vectors."""

import torch
from torch import nn


def check(ids, rows):
    if torch.is_floating_point(ids):
        raise TypeError("ids are integers")
    if ids.numel() and not 0 <= ids.min() <= ids.max() < rows:
        raise IndexError("ids are rows")


class Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, ids, padding_idx):
        ctx.save_for_backward(ids)
        ctx.rows, ctx.padding_idx = len(weight), padding_idx
        return weight[ids]

    @staticmethod
    def backward(ctx, grad_output):
        return embedding_grad(grad_output, *ctx.saved_tensors, ctx.rows, ctx.padding_idx), None, None


class Embedding(nn.Module):
    def __init__(self, num_embeddings, embedding_dim, padding_idx=None):
        super().__init__()
        self.weight = nn.init.normal_(nn.Parameter(torch.empty(num_embeddings, embedding_dim)))
        self.padding_idx = padding_idx
        if padding_idx is not None:
            nn.init.zeros_(self.weight[padding_idx])

    def forward(self, ids):
        check(ids, len(self.weight))
        return Lookup.apply(self.weight, ids, self.padding_idx)


def embedding_grad(grad_output, ids, num_embeddings, padding_idx=None):
    check(ids, num_embeddings)
    d = grad_output.shape[-1]
    order = ids.flatten().argsort(stable=True)
    counts = torch.bincount(ids.flatten(), minlength=num_embeddings).tolist()
    runs = grad_output.reshape(-1, d)[order].split(counts)
    grad = torch.stack([run.sum(0) for run in runs])
    keep = torch.ones(num_embeddings, 1, dtype=torch.bool)
    if padding_idx is not None:
        keep[padding_idx] = False
    return grad.where(keep, torch.zeros_like(grad))


def most_similar(weight, index, k):
    v = weight.size(0)
    if not (0 <= index <= v - 1):
        raise IndexError("index")
    if not (1 <= k <= v - 1):
        raise ValueError("k")
    unit = weight / weight.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    others = torch.cat([torch.arange(index), torch.arange(index + 1, v)])
    cosines, places = torch.topk((unit @ unit.T)[index, others], k)
    return others[places], cosines
