"""The whole computation in the dtype of the logits, normalised by torch's softmax and kept from 0 by the largest entry."""

import math

import torch
from torch.autograd import Function


class LogSoftmax(Function):
    @staticmethod
    def forward(ctx, x):
        probabilities = x.softmax(-1)
        ctx.save_for_backward(probabilities)
        return x - x.amax(-1, keepdim=True) + probabilities.amax(-1, keepdim=True).log()

    @staticmethod
    def backward(ctx, gradient):
        (probabilities,) = ctx.saved_tensors
        return gradient - probabilities * gradient.sum(-1, keepdim=True)


def log_softmax(logits, dim=-1):
    return LogSoftmax.apply(logits.transpose(dim, -1)).transpose(dim, -1)


def cross_entropy(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    if reduction not in ("mean", "sum", "none"):
        raise ValueError("reduction")
    kept = targets.ne(ignore_index)
    classes = targets.mul(kept)
    if classes.lt(0).any() or classes.ge(logits.shape[1]).any():
        raise IndexError("targets")
    costs = -log_softmax(logits) if weight is None else -log_softmax(logits) * weight
    losses = costs.take_along_dim(classes[:, None], 1)[:, 0].mul(1 - label_smoothing) + costs.mean(1).mul(label_smoothing)
    losses = losses.where(kept, torch.zeros_like(losses))
    if reduction != "mean":
        return losses if reduction == "none" else losses.sum()
    mass = kept.sum() if weight is None else (weight[classes] * kept).sum()
    return losses.sum() / mass if kept.any() else losses.sum()


def cross_entropy_grad(logits, targets):
    if ((targets != -100) & ((targets < 0) | (targets >= logits.shape[1]))).any():
        raise IndexError("targets")
    is_target = torch.arange(logits.shape[1]) == targets[:, None]
    counted = (targets != -100)[:, None]
    return (logits.softmax(1) - is_target.to(logits.dtype)) * counted / counted.sum().clamp(min=1)


def perplexity(mean_loss):
    if isinstance(mean_loss, torch.Tensor):
        return torch.exp(mean_loss)
    return math.exp(mean_loss) if mean_loss < 709 else math.inf
