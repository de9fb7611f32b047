"""Remembers every metric and works everything out anew at each step; a deep copy of the model holds the weights."""

import copy
import math

import torch


class EarlyStopping:
    def __init__(self, model, patience=5, min_delta=0.0, higher_is_better=False):
        if not (patience >= 1 and min_delta >= 0):
            raise ValueError("patience or min_delta")
        self.model, self.copy, self.history = model, None, []
        self.settings = patience, min_delta, higher_is_better

    def improvements(self):
        _, min_delta, higher = self.settings
        found = []
        for step, value in enumerate(self.history):
            if not math.isfinite(value):
                continue
            if not found:
                found.append(step)
                continue
            before = self.history[found[-1]]
            if value > before + min_delta if higher else value < before - min_delta:
                found.append(step)
        return found

    @property
    def best_step(self):
        return (self.improvements() or [None])[-1]

    @property
    def best(self):
        return None if self.best_step is None else self.history[self.best_step]

    def step(self, metric):
        self.history.append(metric)
        now = len(self.history) - 1
        if self.best_step == now:
            self.copy = copy.deepcopy(self.model)
        last = -1 if self.best_step is None else self.best_step
        return now - last >= self.settings[0]

    @torch.no_grad()
    def restore(self):
        if self.copy is None:
            raise RuntimeError("there is no best")
        for mine, kept in zip(self.model.parameters(), self.copy.parameters(), strict=True):
            mine.copy_(kept)
        for mine, kept in zip(self.model.buffers(), self.copy.buffers(), strict=True):
            mine.copy_(kept)
