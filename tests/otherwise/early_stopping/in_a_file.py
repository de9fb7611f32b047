"""The best weights as the bytes of a checkpoint."""

import io
import math

import torch


class EarlyStopping:
    def __init__(self, model, patience=5, min_delta=0.0, higher_is_better=False):
        if patience <= 0 or min_delta < 0 or min_delta != min_delta:
            raise ValueError("no such setting")
        self.model, self.left, self.patience = model, patience, patience
        self.better = lambda new, old: (new - old if higher_is_better else old - new) > min_delta
        self.best = self.best_step = self.file = None
        self.number = -1

    def step(self, metric):
        self.number += 1
        if -math.inf < metric < math.inf and (self.best is None or self.better(metric, self.best)):
            self.best, self.best_step, self.left = metric, self.number, self.patience
            self.file = io.BytesIO()
            torch.save(self.model.state_dict(), self.file)
        else:
            self.left = max(0, self.left - 1)
        return self.left == 0

    def restore(self):
        if self.file is None:
            raise RuntimeError("nothing was saved")
        self.file.seek(0)
        self.model.load_state_dict(torch.load(self.file, weights_only=True))
