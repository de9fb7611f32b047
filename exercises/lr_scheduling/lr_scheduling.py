def warmup_cosine(step: int, max_lr: float, min_lr: float, warmup_steps: int, total_steps: int) -> float:
    """The learning rate at `step` (from 0): a straight line up to `max_lr`, then half a cosine down to `min_lr`.

    From `total_steps` on it is `min_lr`, whatever `warmup_steps` says; without warm-up it starts at `max_lr`.
    Source: Loshchilov and Hutter 2017, without restarts; warm-up after Goyal et al. 2017.
    """
    raise NotImplementedError


def inverse_sqrt(step: int, d_model: int, warmup_steps: int) -> float:
    """The learning rate at `step` (from 1): a straight line for `warmup_steps`, then a decay with 1 / sqrt(step).

    Without warm-up the decay starts at once. Source: Vaswani et al. 2017, equation 3.
    """
    raise NotImplementedError


def step_decay(step: int, base_lr: float, gamma: float, step_size: int) -> float:
    """The learning rate at `step` (from 0): `base_lr`, multiplied by `gamma` once after every `step_size` steps."""
    raise NotImplementedError


class ReduceOnPlateau:
    """Multiplies the learning rate by `factor` when a metric that should fall has not done so for too long.

    The (patience + 1)th step in a row without an improvement reduces, never below `min_lr`, and the count starts anew.
    An improvement is strictly less than the best metric so far; NaN is none. Source: torch's ReduceLROnPlateau.
    """

    def __init__(self, lr: float, factor: float = 0.1, patience: int = 10, min_lr: float = 0.0) -> None:
        raise NotImplementedError

    def step(self, metric: float) -> float:
        """Takes the metric of one epoch; returns the learning rate for the next."""
        raise NotImplementedError
