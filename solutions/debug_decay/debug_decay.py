from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

Groups = list[dict[str, Any]]  # of an optimizer: each with its "params" and its "weight_decay"


def groups(model: nn.Module, decay: float) -> Groups:
    """The parameters of a model in two groups, those that decay and those that don't."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # What has one axis shifts or scales: pulling a norm's scale towards zero makes nothing simpler, it makes it smaller.
    return [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]


class AdamW:
    """Adam with decoupled weight decay, over groups of parameters."""

    def __init__(self, groups: Groups, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        self.param_groups = groups
        self.lr, self.betas, self.eps = lr, betas, eps
        self.steps = 0
        self.moments = {p: (torch.zeros_like(p), torch.zeros_like(p)) for group in groups for p in group["params"]}

    @torch.no_grad()
    def step(self) -> None:
        """One step for every parameter that has a gradient."""
        self.steps += 1
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    # On the weights, not in the gradient: there Adam would divide the decay by the gradient's size.
                    parameter.mul_(1 - self.lr * group["weight_decay"])
                    parameter.sub_(self.lr * self.direction(parameter, parameter.grad))

    def direction(self, parameter: nn.Parameter, gradient: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Update the moments of a parameter by its gradient, and return their ratio, corrected for the start from zero."""
        first, second = self.moments[parameter]
        beta1, beta2 = self.betas
        first.mul_(beta1).add_((1 - beta1) * gradient)
        second.mul_(beta2).add_((1 - beta2) * gradient.square())
        mean, mean_square = first / (1 - beta1**self.steps), second / (1 - beta2**self.steps)
        return mean / (mean_square.sqrt() + self.eps)
