from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


class Adam:
    """Adam over parameters that are changed in place; `weight_decay` adds weight_decay · p to the gradient (L2).

    Raises ValueError unless there are parameters, 0 <= lr < inf, both betas lie in [0, 1), 0 < eps < inf and
    0 <= weight_decay < inf. Source: Kingma and Ba 2015, algorithm 1.
    """

    def __init__(
        self,
        parameters: Iterable[Float[Tensor, "..."]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        raise NotImplementedError

    def step(self) -> None:
        """Moves every parameter that has a gradient; leaves the others, their moments and their clocks as they are."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forgets all gradients: None, not zero, so that the next step leaves alone what gets none."""
        raise NotImplementedError


class AdamW(Adam):
    """Adam whose decay is decoupled from the gradient: p shrinks by the factor 1 - lr · weight_decay, then moves.

    Raises ValueError as Adam does. Source: Loshchilov and Hutter 2019, with the decay scaled by lr as in torch.optim.AdamW.
    """

    def __init__(
        self,
        parameters: Iterable[Float[Tensor, "..."]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        raise NotImplementedError
