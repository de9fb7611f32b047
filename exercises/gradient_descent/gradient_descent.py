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
        raise NotImplementedError

    def step(self) -> None:
        """Moves every parameter that has a gradient; leaves the others, and their velocities, as they are."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forgets all gradients: None, not zero, so that the next step leaves alone what gets none."""
        raise NotImplementedError
