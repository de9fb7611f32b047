"""A loop over the rows, each in its own few lines."""

import math

import torch


def log_softmax(logits, dim=-1):
    rows = logits.movedim(dim, -1)
    flat = [log_probabilities(row) for row in rows.reshape(-1, rows.shape[-1])]
    return torch.stack(flat).reshape(rows.shape).movedim(-1, dim).to(logits.dtype)


def log_probabilities(row):
    row = row if row.dtype == torch.float64 else row.float()
    row = row - row.max()
    return row - row.exp().sum().log()


def cross_entropy(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(reduction)
    losses, total = [], 0.0
    for row, target in zip(logits, targets.tolist(), strict=True):
        if target == ignore_index:
            losses.append(0.0 * row.sum(dtype=torch.promote_types(row.dtype, torch.float32)))
            continue
        if not 0 <= target < len(row):
            raise IndexError(target)
        costs = -log_probabilities(row) * (1 if weight is None else weight)
        losses.append((1 - label_smoothing) * costs[target] + label_smoothing * costs.mean())
        total += 1.0 if weight is None else weight[target].item()
    losses = torch.stack(losses)
    if reduction == "none":
        return losses.to(logits.dtype)
    return (losses.sum() / (total or 1.0) if reduction == "mean" else losses.sum()).to(logits.dtype)


def cross_entropy_grad(logits, targets):
    if any(target != -100 and not 0 <= target < logits.shape[1] for target in targets.tolist()):
        raise IndexError("stray target")
    count = max(sum(target != -100 for target in targets.tolist()), 1)
    gradient = torch.zeros(logits.shape, dtype=logits.dtype)
    for row, probabilities, target in zip(gradient, logits.double().softmax(-1), targets.tolist(), strict=True):
        if target != -100:
            probabilities[target] -= 1
            row.copy_(probabilities / count)
    return gradient


def perplexity(mean_loss):
    if isinstance(mean_loss, torch.Tensor):
        return math.e**mean_loss
    try:
        return math.exp(mean_loss)
    except OverflowError:
        return float("inf")
