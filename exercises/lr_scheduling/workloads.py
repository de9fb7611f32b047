"""What the audit, the diagnosis and the clock ask of a submission: the rates as numbers, and whether each is a float."""

import math
from types import ModuleType

import torch
from torch import Tensor

from grader.kit import normal, workload


def told(rates: list[float]) -> dict[str, Tensor]:
    return {"rates": torch.tensor(rates, dtype=torch.float64), "floats": torch.tensor([type(rate) is float for rate in rates])}


@workload(time=1, memory=1, steps=[2**6, 2**8, 2**10, 2**12])
def a_long_run(submission: ModuleType, seed: int, steps: int) -> dict[str, Tensor]:
    """Every step of a run, by every schedule; the rates are kept, so memory grows with the run."""
    plateau = submission.ReduceOnPlateau(0.1, factor=0.9, patience=3, min_lr=1e-3)
    rates = [plateau.step(metric) for metric in normal(seed, steps).tolist()]
    rates += [submission.warmup_cosine(step, 6e-4, 6e-5, steps // 10, steps) for step in range(steps)]
    rates += [submission.inverse_sqrt(step, 512, steps // 10) for step in range(1, steps + 1)]
    rates += [submission.step_decay(step, 0.1, 0.5, steps // 8) for step in range(steps)]
    return told(rates)


@workload()
def warmups_of_every_length(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """None at all, a short one, as long as the run, longer; and some steps after the end."""
    lengths = [(step, warmup_steps) for step in range(16) for warmup_steps in (0, 1, 4, 12, 14)]
    return told([submission.warmup_cosine(step, 0.1, 0.01, warmup_steps, 12) for step, warmup_steps in lengths])


@workload()
def widths(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """The schedule of the first transformer, for several widths, with and without warm-up."""
    lengths = [(step, d_model, warmup_steps) for step in (1, 2, 3, 7) for d_model in (64, 512) for warmup_steps in (0, 1, 3, 8)]
    return told([submission.inverse_sqrt(*length) for length in lengths])


@workload()
def periods(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    lengths = [(step, step_size) for step in range(12) for step_size in (1, 3, 5)]
    return told([submission.step_decay(step, 0.1, 0.5, step_size) for step, step_size in lengths])


@workload()
def whole_numbers(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Arguments that are all int, where a rate may stay an int by accident."""
    plateau = submission.ReduceOnPlateau(3, 0, 0, 1)
    rates = [plateau.step(metric) for metric in (5, 4, 4, 4)]
    rates += [submission.warmup_cosine(step, 2, 0, 2, 4) for step in range(6)]
    rates += [submission.step_decay(step, 2, 1, 2) for step in range(4)]
    return told(rates)


@workload()
def plateaus(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Worse metrics, ties, metrics that fall without a new best, a late improvement, NaN at the start and in the middle."""
    rates = []
    for patience in (0, 1, 3):
        for metrics in (
            [1.0] + [2.0] * 12,
            [1.0] * 12,
            [1.0, *range(13, 1, -1)],
            [1.0, 2.0, 2.0, 2.0, 0.5, 2.0, 2.0, 2.0, 0.25, 2.0],
            [1.0, 3.0, 3.0, 3.0, 3.0, 2.0, 3.0, 3.0, 3.0],
            [math.nan] * 5 + [1.0, math.nan, 0.5, 2.0, 2.0, 2.0],
        ):
            plateau = submission.ReduceOnPlateau(0.1, 0.5, patience, 0.01)
            rates += [plateau.step(metric) for metric in metrics]
    return told(rates)


@workload()
def defaults(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    plateau = submission.ReduceOnPlateau(0.1)
    return told([plateau.step(1.0) for _ in range(40)])
