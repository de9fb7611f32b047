"""One set of tensors, made once and written over at every improvement."""

import math

import torch


class EarlyStopping:
    best = None
    best_step = None

    def __init__(self, model, patience=5, min_delta=0.0, higher_is_better=False):
        if not patience > 0:
            raise ValueError(patience)
        if math.isnan(min_delta) or min_delta < 0:
            raise ValueError(min_delta)
        self.live = [*model.parameters(), *model.buffers()]
        self.kept = [torch.empty_like(tensor, requires_grad=False) for tensor in self.live]
        self.patience, self.min_delta, self.sign = patience, min_delta, -1.0 if higher_is_better else 1.0
        self.mark, self.step_number, self.since = math.inf, 0, 0

    def step(self, metric):
        self.since += 1
        score = self.sign * metric
        if math.isfinite(score) and score < self.mark - self.min_delta:
            with torch.no_grad():
                for kept, live in zip(self.kept, self.live, strict=True):
                    kept.copy_(live)
            self.mark, self.since = score, 0
            self.best, self.best_step = metric, self.step_number
        self.step_number += 1
        return self.since >= self.patience

    def restore(self):
        if self.best_step is None:
            raise RuntimeError("no improvement")
        for live, kept in zip(self.live, self.kept, strict=True):
            live.detach().copy_(kept)
