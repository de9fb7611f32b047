from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

Batch = tuple[Float[Tensor, "rows features"], Int[Tensor, " rows"]]


def accumulate(model: nn.Module, parts: list[Batch]) -> float:
    """Leave in .grad the gradients of the mean cross-entropy over all rows of a batch that comes in parts; return that mean."""
    model.zero_grad()
    mean = 0.0
    for inputs, targets in parts:
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        mean += loss.item() / len(parts)
    return mean


def clip(parameters: Iterable[nn.Parameter], most: float) -> float:
    """Shorten the gradient, all parameters together, to the length `most` where it is longer; return the length that it had."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    lengths = [float(gradient.norm()) for gradient in gradients]
    for gradient, length in zip(gradients, lengths, strict=True):
        if length > most:
            gradient.mul_(most / length)
    return sum(length**2 for length in lengths) ** 0.5


def rate(step: int, peak: float, warmup: int, total: int) -> float:
    """The learning rate of a step, counted from 0: up in `warmup` steps to the peak, then down in a straight line."""
    return peak * min((step + 1) / warmup, (total - step) / (total - warmup))


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, batches: list[list[Batch]], epochs: int, peak: float, warmup: int
) -> list[float]:
    """`epochs` passes over the batches, a step for each, at the rate of that step; the losses of all steps."""
    total, losses = epochs * len(batches), []
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = rate(epoch, peak, warmup, total)
        for parts in batches:
            losses.append(accumulate(model, parts))
            clip(model.parameters(), 1.0)
            optimizer.step()
    return losses
