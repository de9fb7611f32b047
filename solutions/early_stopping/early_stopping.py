import math

from torch import nn


class EarlyStopping:
    """Says when training should stop because a metric no longer improves, and puts the best weights back.

    `best` is the metric of the last improvement and `best_step` its step, counted from 0; both None before the first one.
    Raises ValueError unless patience >= 1 and min_delta >= 0. Source: Prechelt 1998; patience as in Keras and Lightning.
    """

    def __init__(self, model: nn.Module, patience: int = 5, min_delta: float = 0.0, higher_is_better: bool = False) -> None:
        if patience < 1 or not min_delta >= 0:  # written so that NaN is refused too
            raise ValueError(f"patience {patience}, min_delta {min_delta}")
        self.model, self.patience, self.min_delta = model, patience, min_delta
        self.sign = -1 if higher_is_better else 1  # times the metric: what should fall
        self.best: float | None = None
        self.best_step: int | None = None
        self.steps = 0
        self.waited = 0  # steps in a row without an improvement

    def step(self, metric: float) -> bool:
        """Takes the metric of the model as it is now; True if the last `patience` steps brought no improvement."""
        # Compared with the last improvement and not with the step before: small gains may add up to one.
        improves = self.best is None or self.sign * metric < self.sign * self.best - self.min_delta
        if improves and math.isfinite(metric):
            self.best, self.best_step, self.waited = metric, self.steps, 0
            # state_dict also has the buffers, and shares its memory with the model: without clone it would go on training.
            self.weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        else:
            self.waited += 1
        self.steps += 1
        return self.waited >= self.patience

    def restore(self) -> None:
        """Writes the weights of the best step into the model. Raises RuntimeError before the first improvement."""
        if self.best is None:
            raise RuntimeError("no step has improved the metric yet")
        self.model.load_state_dict(self.weights)  # copies into the parameters that an optimizer knows
