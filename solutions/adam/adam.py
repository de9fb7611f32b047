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
        self.parameters = list(parameters)  # a generator could be gone through once, and every step goes through it
        if not self.parameters:
            raise ValueError("there is nothing to train: no parameters (or a generator that was used up)")
        if not (0 <= lr < float("inf") and 0 <= weight_decay < float("inf")):  # written so that NaN is refused too
            raise ValueError(f"lr and weight_decay are finite and not negative, not {lr} and {weight_decay}")
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas lie in [0, 1), not at {betas}")
        if not 0 < eps < float("inf"):
            raise ValueError(f"eps is positive, not {eps}: without it, a gradient that was always zero gives 0 / 0")
        self.lr = lr
        self.betas = betas
        self.eps = eps
        self.weight_decay = weight_decay
        self.steps = [0] * len(self.parameters)  # a clock for each: what got no gradient has not begun
        # At least float32. In bfloat16, 0.999 v rounds back to v, which then never falls; in float16, small squares are 0.
        wide = [torch.promote_types(p.dtype, torch.float32) for p in self.parameters]
        self.means = [torch.zeros_like(p, dtype=dtype) for p, dtype in zip(self.parameters, wide, strict=True)]
        self.squares = [torch.zeros_like(p, dtype=dtype) for p, dtype in zip(self.parameters, wide, strict=True)]

    def step(self) -> None:
        """Moves every parameter that has a gradient; leaves the others, their moments and their clocks as they are."""
        with torch.no_grad():
            for i, (p, m, v) in enumerate(zip(self.parameters, self.means, self.squares, strict=True)):
                if p.grad is None:
                    continue
                self.steps[i] += 1
                self._move(p, self._gradient(p).to(m.dtype), m, v, self.steps[i])

    def zero_grad(self) -> None:
        """Forgets all gradients: None, not zero, so that the next step leaves alone what gets none."""
        for p in self.parameters:
            p.grad = None

    def _gradient(self, p: Tensor) -> Tensor:
        return p.grad.add(p, alpha=self.weight_decay)  # a new tensor: p.grad is the caller's

    def _move(self, p: Tensor, gradient: Tensor, m: Tensor, v: Tensor, t: int) -> None:
        beta1, beta2 = self.betas
        m.lerp_(gradient, 1 - beta1)
        v.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        # After t steps from zero, the weights of the average sum to 1 - beta^t: dividing by it makes them sum to one. The
        # averages themselves stay as they are.
        denominator = (v / (1 - beta2**t)).sqrt_().add_(self.eps)  # eps last: in units of the gradient, not of its square
        p.addcdiv_(m, denominator, value=-self.lr / (1 - beta1**t))


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
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def _gradient(self, p: Tensor) -> Tensor:
        p.mul_(1 - self.lr * self.weight_decay)  # past the moments, which would divide it by the size of the gradient
        return p.grad
