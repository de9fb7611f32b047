from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

Batch = tuple[Float[Tensor, "rows features"], Int[Tensor, " rows"]]


def accumulate(model: nn.Module, parts: list[Batch]) -> float:
    """Leave in .grad the gradients of the mean cross-entropy over all rows of a batch that comes in parts; return that mean."""
    model.zero_grad()
    rows = sum(len(targets) for _, targets in parts)
    mean = 0.0
    for inputs, targets in parts:
        # backward adds up, so each part brings its share of the mean: a sum over its rows, divided by the rows of all.
        loss = F.cross_entropy(model(inputs), targets, reduction="sum") / rows
        loss.backward()
        mean += loss.item()
    return mean


def clip(parameters: Iterable[nn.Parameter], most: float) -> float:
    """Shorten the gradient, all parameters together, to the length `most` where it is longer; return the length that it had."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    length = float(sum(gradient.square().sum() for gradient in gradients)) ** 0.5
    for gradient in gradients:
        gradient.mul_(most / max(most, length))  # one factor for all: the direction stays
    return length


def rate(step: int, peak: float, warmup: int, total: int) -> float:
    """The learning rate of a step, counted from 0: up in `warmup` steps to the peak, then down in a straight line."""
    return peak * min((step + 1) / warmup, (total - step) / (total - warmup))


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, batches: list[list[Batch]], epochs: int, peak: float, warmup: int
) -> list[float]:
    """`epochs` passes over the batches, a step for each, at the rate of that step; the losses of all steps."""
    total, losses = epochs * len(batches), []
    for _ in range(epochs):
        for parts in batches:
            optimizer.param_groups[0]["lr"] = rate(len(losses), peak, warmup, total)
            losses.append(accumulate(model, parts))
            clip(model.parameters(), 1.0)
            optimizer.step()
    return losses
