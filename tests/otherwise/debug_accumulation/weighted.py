"""Weighted means of parts, torch's own clipping, a generator of rates."""

import torch
from torch.nn import functional as F


def accumulate(model, parts):
    for parameter in model.parameters():
        parameter.grad = None
    rows = [len(targets) for _, targets in parts]
    losses = []
    for (inputs, targets), n in zip(parts, rows, strict=True):
        losses.append(n / sum(rows) * F.cross_entropy(model(inputs), targets))
        losses[-1].backward()
    return float(torch.stack(losses).sum())


def clip(parameters, most):
    return float(torch.nn.utils.clip_grad_norm_(list(parameters), most))


def rate(step, peak, warmup, total):
    if step < warmup:
        return peak / warmup * (step + 1)
    return peak * (1 - (step - warmup) / (total - warmup))


def train(model, optimizer, batches, epochs, peak, warmup):
    total = epochs * len(batches)
    rates = (rate(step, peak, warmup, total) for step in range(total))
    losses = []
    for parts in batches * epochs:
        for group in optimizer.param_groups:
            group["lr"] = next(rates)
        losses.append(accumulate(model, parts))
        clip(model.parameters(), 1.0)
        optimizer.step()
    return losses
