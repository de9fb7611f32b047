"""numpy, and the plateau recomputed from its whole history."""

import numpy as np


def warmup_cosine(step, max_lr, min_lr, warmup_steps, total_steps):
    if step >= total_steps:
        return float(min_lr)
    if step < warmup_steps:
        return float(np.interp(step, [0, warmup_steps], [0, max_lr]))
    angle = np.interp(step, [warmup_steps, total_steps], [0, np.pi])
    return float(min_lr + (max_lr - min_lr) * np.cos(angle / 2) ** 2)


def inverse_sqrt(step, d_model, warmup_steps):
    return float(np.sqrt(min(step / max(warmup_steps, 1), 1.0) ** 2 / (d_model * max(step, warmup_steps))))


def step_decay(step, base_lr, gamma, step_size):
    drops = np.arange(step_size, step + 1, step_size)
    return float(base_lr * np.prod(np.full(len(drops), float(gamma))))


class ReduceOnPlateau:
    def __init__(self, lr, factor=0.1, patience=10, min_lr=0.0):
        self.settings = lr, factor, patience, min_lr
        self.metrics = []

    def step(self, metric):
        self.metrics.append(metric)
        lr, factor, patience, min_lr = self.settings
        since = 0
        for index, value in enumerate(self.metrics):
            earlier = np.array([np.inf, *self.metrics[:index]], dtype=float)
            since = 0 if value < np.nanmin(earlier) else since + 1
            if since == patience + 1:
                lr, since = np.clip(lr * factor, min_lr, None), 0
        return float(lr)
