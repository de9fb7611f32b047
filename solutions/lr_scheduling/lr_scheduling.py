import math


def warmup_cosine(step: int, max_lr: float, min_lr: float, warmup_steps: int, total_steps: int) -> float:
    """The learning rate at `step` (from 0): a straight line up to `max_lr`, then half a cosine down to `min_lr`.

    From `total_steps` on it is `min_lr`, whatever `warmup_steps` says; without warm-up it starts at `max_lr`.
    Source: Loshchilov and Hutter 2017, without restarts; warm-up after Goyal et al. 2017.
    """
    if step >= total_steps:  # asked first: the end has the last word, even over a warm-up that would last longer
        return float(min_lr)
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)  # warmup_steps <= step < total_steps: never 0 / 0
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * progress)) / 2


def inverse_sqrt(step: int, d_model: int, warmup_steps: int) -> float:
    """The learning rate at `step` (from 1): a straight line for `warmup_steps`, then a decay with 1 / sqrt(step).

    Without warm-up the decay starts at once. Source: Vaswani et al. 2017, equation 3.
    """
    ramp = step * warmup_steps**-1.5 if warmup_steps else math.inf  # no warm-up: nothing holds the decay back
    return d_model**-0.5 * min(step**-0.5, ramp)  # the two meet at warmup_steps, so the lower one is the right one


def step_decay(step: int, base_lr: float, gamma: float, step_size: int) -> float:
    """The learning rate at `step` (from 0): `base_lr`, multiplied by `gamma` once after every `step_size` steps."""
    return float(base_lr * gamma ** (step // step_size))


class ReduceOnPlateau:
    """Multiplies the learning rate by `factor` when a metric that should fall has not done so for too long.

    The (patience + 1)th step in a row without an improvement reduces, never below `min_lr`, and the count starts anew.
    An improvement is strictly less than the best metric so far; NaN is none. Source: torch's ReduceLROnPlateau.
    """

    def __init__(self, lr: float, factor: float = 0.1, patience: int = 10, min_lr: float = 0.0) -> None:
        self.lr = float(lr)
        self.factor = factor
        self.patience = patience
        self.min_lr = min_lr
        self.best = math.inf
        self.waited = 0  # steps in a row without an improvement

    def step(self, metric: float) -> float:
        """Takes the metric of one epoch; returns the learning rate for the next."""
        if metric < self.best:  # false for NaN, which therefore is neither an improvement nor ever the best
            self.best, self.waited = metric, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.lr, self.waited = max(self.lr * self.factor, float(self.min_lr)), 0  # the best stays: it is still to be beaten
        return self.lr
