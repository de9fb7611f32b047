"""Five mistakes of lr_scheduling, made again by another route: each must still be recognized under its name."""

import math

import torch

from grader.kit import instead_of


@instead_of("warmup_cosine")
def measures_progress_from_the_start(step, max_lr, min_lr, warmup_steps, total_steps):
    ramp = [max_lr * n / warmup_steps for n in range(warmup_steps)]
    weights = [math.cos(math.pi * n / total_steps / 2) ** 2 for n in range(warmup_steps, total_steps)]
    decay = [weight * max_lr + (1 - weight) * min_lr for weight in weights]
    return (ramp + decay)[step] if step < total_steps else float(min_lr)


@instead_of("warmup_cosine")
def cuts_the_cosine_off_at_min_lr(step, max_lr, min_lr, warmup_steps, total_steps):
    if step >= total_steps:
        return min_lr * 1.0
    if step - warmup_steps < 0:
        return step / warmup_steps * max_lr
    wave = torch.cos(torch.tensor(math.pi * (step - warmup_steps) / (total_steps - warmup_steps), dtype=torch.float64))
    return torch.clamp((0.5 + 0.5 * wave) * max_lr, min=min_lr).item()


@instead_of("inverse_sqrt")
def takes_the_higher_branch(step, d_model, warmup_steps):
    if step > warmup_steps > 0:
        return step / math.sqrt(d_model * warmup_steps**3)
    return 1 / math.sqrt(d_model * step)


@instead_of("step_decay")
def rounds_to_the_nearest_period(step, base_lr, gamma, step_size):
    drops = 0
    while (drops + 0.5) * step_size < step or ((drops + 0.5) * step_size == step and drops % 2 == 1):
        base_lr, drops = base_lr * gamma, drops + 1
    return float(base_lr)


@instead_of("ReduceOnPlateau.step")
def forgets_the_best_at_a_reduction(self, metric):
    seen = [*getattr(self, "seen", []), metric]
    best_at = min((n for n, value in enumerate(seen) if value == value), key=seen.__getitem__, default=-1)
    plateau = len(seen) - 1 - best_at > self.patience
    self.seen = [] if plateau else seen
    if plateau:
        self.lr = max(self.lr * self.factor, float(self.min_lr))
    return self.lr
