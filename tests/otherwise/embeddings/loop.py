"""One row at a time, in plain Python; the neighbours in float64, with double rounding to the dtype."""

import torch
from torch import nn


def checked(ids, rows):
    if ids.is_floating_point():
        raise TypeError
    numbers = ids.flatten().tolist()
    if any(number < 0 or number >= rows for number in numbers):
        raise IndexError
    return numbers


class Embedding(nn.Module):
    def __init__(self, num_embeddings, embedding_dim, padding_idx=None):
        super().__init__()
        self.weight = nn.Parameter(torch.normal(0.0, 1.0, (num_embeddings, embedding_dim)))
        self.padding = None if padding_idx is None else range(num_embeddings)[padding_idx]
        with torch.no_grad():
            self.weight[[] if self.padding is None else [self.padding]] = 0

    def forward(self, ids):
        rows = self.weight.unbind()
        found = [rows[id].detach() if id == self.padding else rows[id] for id in checked(ids, len(rows))]
        return torch.stack([*found, rows[0]])[:-1].reshape(*ids.shape, self.weight.shape[1])


def embedding_grad(grad_output, ids, num_embeddings, padding_idx=None):
    grad = torch.zeros(num_embeddings, grad_output.shape[-1], dtype=torch.float64)
    padding = None if padding_idx is None else padding_idx % num_embeddings
    for id, row in zip(checked(ids, num_embeddings), grad_output.reshape(-1, grad_output.shape[-1]), strict=True):
        if id != padding:
            grad[id] += row
    return grad.to(grad_output.dtype)


def most_similar(weight, index, k):
    if index < 0 or index >= len(weight):
        raise IndexError
    if k < 1 or k >= len(weight):
        raise ValueError
    exact, found = weight.double(), []
    for i, row in enumerate(exact):
        if i != index:
            known = bool(row.any() and exact[index].any())
            found.append((row @ exact[index] / (row.norm() * exact[index].norm()) if known else row @ exact[index], i))
    found.sort(key=lambda pair: pair[0].item(), reverse=True)
    return torch.tensor([i for _, i in found[:k]]), torch.stack([cosine for cosine, _ in found[:k]]).to(weight.dtype)
