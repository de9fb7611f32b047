from torch import nn


class EarlyStopping:
    """Says when training should stop because a metric no longer improves, and puts the best weights back.

    `best` is the metric of the last improvement and `best_step` its step, counted from 0; both None before the first one.
    Raises ValueError unless patience >= 1 and min_delta >= 0. Source: Prechelt 1998; patience as in Keras and Lightning.
    """

    def __init__(self, model: nn.Module, patience: int = 5, min_delta: float = 0.0, higher_is_better: bool = False) -> None:
        raise NotImplementedError

    def step(self, metric: float) -> bool:
        """Takes the metric of the model as it is now; True if the last `patience` steps brought no improvement."""
        raise NotImplementedError

    def restore(self) -> None:
        """Writes the weights of the best step into the model. Raises RuntimeError before the first improvement."""
        raise NotImplementedError
