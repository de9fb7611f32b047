"""Every schedule walked from its first step, and the plateau as a generator."""

import cmath
from math import isnan, sqrt


def warmup_cosine(step, max_lr, min_lr, warmup_steps, total_steps):
    if step >= total_steps:
        return min_lr + 0.0
    rate = 0.0
    for _ in range(min(step, warmup_steps)):
        rate += max_lr / warmup_steps
    if step < warmup_steps:
        return rate
    turn = cmath.exp(1j * cmath.pi / (total_steps - warmup_steps))
    pointer = 1 + 0j
    for _ in range(step - warmup_steps):
        pointer *= turn
    return (max_lr + min_lr) / 2 + (max_lr - min_lr) / 2 * pointer.real


def inverse_sqrt(step, d_model, warmup_steps):
    peak = 1 / sqrt(d_model * max(warmup_steps, 1))
    if step <= warmup_steps:
        return peak * step / warmup_steps
    return peak * sqrt(max(warmup_steps, 1) / step)


def step_decay(step, base_lr, gamma, step_size):
    rate = float(base_lr)
    while step >= step_size:
        rate, step = rate * gamma, step - step_size
    return rate


class ReduceOnPlateau:
    def __init__(self, lr, factor=0.1, patience=10, min_lr=0.0):
        self.rates = self.course(float(lr), factor, patience, min_lr)
        next(self.rates)

    def step(self, metric):
        return self.rates.send(metric)

    @staticmethod
    def course(lr, factor, patience, min_lr):
        best, credit = None, patience
        while True:
            metric = yield lr
            if not isnan(metric) and (best is None or best > metric):
                best, credit = metric, patience
            elif credit > 0:
                credit -= 1
            else:
                lr = lr * factor if lr * factor > min_lr else float(min_lr)
                credit = patience
