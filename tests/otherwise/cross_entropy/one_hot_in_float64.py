"""Everything in float64, with the target as a distribution over the classes."""

import torch
from torch.nn import functional as F


def log_softmax(logits, dim=-1):
    x = logits.double()
    return (x - torch.logsumexp(x, dim, keepdim=True)).to(logits.dtype)


def one_hot(logits, targets, ignore_index):
    valid = ((targets >= 0) & (targets < logits.shape[1])) | (targets == ignore_index)
    if not valid.all():
        raise IndexError("no such class")
    return F.one_hot(targets.where(targets != ignore_index, 0), logits.shape[1]) * (targets != ignore_index).double()[:, None]


def cross_entropy(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    if reduction not in ("mean", "sum", "none"):
        raise ValueError("no such reduction")
    shares = one_hot(logits, targets, ignore_index)
    weight = torch.ones(logits.shape[1]).double() if weight is None else weight.double()
    smoothed = (1 - label_smoothing) * shares + label_smoothing / logits.shape[1] * shares.sum(-1, keepdim=True)
    losses = -torch.einsum("nv,v,nv->n", smoothed, weight, log_softmax(logits.double()))
    if reduction == "mean":
        losses = losses.sum() / (shares @ weight).sum().clamp(min=1e-12)
    elif reduction == "sum":
        losses = losses.sum()
    return losses.to(logits.dtype)


def cross_entropy_grad(logits, targets):
    shares = one_hot(logits, targets, -100)
    counted = shares.sum(-1, keepdim=True)
    return ((logits.double().softmax(-1) * counted - shares) / counted.sum().clamp(min=1)).to(logits.dtype)


def perplexity(mean_loss):
    if isinstance(mean_loss, torch.Tensor):
        return torch.exp(mean_loss)
    return float(torch.tensor(mean_loss, dtype=torch.float64).exp())
