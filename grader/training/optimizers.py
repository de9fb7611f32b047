"""AdamW for everything, or Muon for the matrices and AdamW for the rest. One rate of the schedule drives all groups."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from grader.training.model import GPT
from grader.training.recipe import Recipe


class Muon(Optimizer):
    """Momentum, its matrix replaced by the nearest one whose singular values are all near 1: rare directions learn as fast as
    common ones. Source: Jordan et al. 2024."""

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameters in _by_shape(group["params"]):
                updates = orthogonal(torch.stack([self._momentum(each, group["momentum"]) for each in parameters]))
                rows, columns = parameters[0].shape
                rate = group["lr"] * max(1.0, rows / columns) ** 0.5  # the same change of output, whatever the shape
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update.to(parameter.dtype), alpha=-rate)

    def _momentum(self, parameter: nn.Parameter, decay: float) -> Tensor:
        """Nesterov's: the gradient, and where the momentum will be."""
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - decay)
        return gradient.lerp(state["momentum"], decay)


def orthogonal(matrices: Float[Tensor, "n rows columns"], iterations: int = 5) -> Float[Tensor, "n rows columns"]:
    """U Vᵀ of each U S Vᵀ, roughly: a quintic in Newton and Schulz's manner takes every singular value to 0.7 … 1.2.

    In bfloat16 on a GPU, where that is quick and close enough. Products are of the shorter side squared.
    """
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    if tall := x.shape[-2] > x.shape[-1]:
        x = x.mT
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = 3.4445 * x + torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315) @ x
    return x.mT if tall else x


def optimizers(model: GPT, recipe: Recipe) -> list[Optimizer]:
    """Over each parameter once. A group's `scale` is its rate as a multiple of `recipe.learning_rate`."""
    matrices = model.matrices() if recipe.muon else []
    taken = {id(each) for each in matrices}
    rest = [each for each in model.parameters() if id(each) not in taken]
    groups = [
        {"params": [each for each in rest if each.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [each for each in rest if each.ndim < 2], "weight_decay": 0.0},  # a gain that decays mutes its layer
    ]
    adamw = AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=recipe.fused)
    found: list[Optimizer] = [adamw]
    if matrices:
        found.append(Muon(matrices, recipe.muon_rate, weight_decay=recipe.weight_decay))
    for optimizer in found:
        for group in optimizer.param_groups:
            group["scale"] = group["lr"] / recipe.learning_rate
    return found


def set_rate(found: Iterable[Optimizer], rate: float) -> None:
    for optimizer in found:
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]


def _by_shape(parameters: Iterable[nn.Parameter]) -> Iterable[list[nn.Parameter]]:
    """Matrices of one shape go through one batched product."""
    found: dict[torch.Size, list[nn.Parameter]] = {}
    for parameter in parameters:
        found.setdefault(parameter.shape, []).append(parameter)
    return found.values()
