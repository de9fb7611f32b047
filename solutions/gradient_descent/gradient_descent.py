from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


class SGD:
    """Gradient descent with momentum, plain or Nesterov's, over parameters that are changed in place.

    Raises ValueError unless there are parameters, 0 <= lr < inf and 0 <= momentum < 1, and for `nesterov` without momentum.
    Source: Polyak 1964; Nesterov 1983, in the form of Sutskever et al. 2013; torch.optim.SGD (the velocity holds gradients).
    """

    def __init__(
        self, parameters: Iterable[Float[Tensor, "..."]], lr: float, momentum: float = 0.0, nesterov: bool = False
    ) -> None:
        self.parameters = list(parameters)  # a generator could be gone through once, and every step goes through it
        if not self.parameters:
            raise ValueError("there is nothing to train: no parameters (or a generator that was used up)")
        if not 0 <= lr < float("inf"):  # written so that NaN is refused too
            raise ValueError(f"a learning rate is finite and not negative, not {lr}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum lies in [0, 1), not at {momentum}")
        if nesterov and momentum == 0:
            raise ValueError("Nesterov's step looks ahead along the velocity, and without momentum there is none")
        self.lr = lr
        self.momentum = momentum
        self.nesterov = nesterov
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]

    def step(self) -> None:
        """Moves every parameter that has a gradient; leaves the others, and their velocities, as they are."""
        with torch.no_grad():  # a step is no part of the model: autograd would refuse to change a leaf
            for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
                gradient = parameter.grad
                if gradient is None:
                    continue
                velocity.mul_(self.momentum).add_(gradient)  # free of lr, so that a new rate holds for the whole step
                # Nesterov's gradient is the one at the place to which the velocity leads. So the parameters stand at that
                # place already: each step ends with the move that the next velocity will begin with.
                direction = gradient.add(velocity, alpha=self.momentum) if self.nesterov else velocity
                parameter.sub_(direction, alpha=self.lr)  # in place: the model holds this very tensor

    def zero_grad(self) -> None:
        """Forgets all gradients: None, not zero, so that the next step leaves alone what gets none."""
        for parameter in self.parameters:
            parameter.grad = None
