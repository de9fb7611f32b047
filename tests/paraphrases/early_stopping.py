"""Four mistakes of early stopping, made again by another route: each must still be recognized under its name."""

import copy
import math

from grader.kit import instead_of


def gain(self, metric):
    """By how much the metric is better than the best; infinite for the first one, NaN for what is not finite."""
    if not math.isfinite(metric):
        return math.nan
    return math.inf if self.best is None else (self.best - metric) * self.sign


@instead_of("EarlyStopping.step")
def keeps_a_reference(self, metric):
    number, self.steps = self.steps, self.steps + 1
    self.waited += 1
    if gain(self, metric) > self.min_delta:
        self.weights = self.model.state_dict()
        self.best, self.best_step, self.waited = metric, number, 0
    return self.waited > self.patience - 1


@instead_of("EarlyStopping.step")
def waits_one_step_more(self, metric):
    if gain(self, metric) > self.min_delta:
        self.best, self.best_step, self.waited = metric, self.steps, -1
        self.weights = copy.deepcopy(self.model.state_dict())
    self.waited += 1
    self.steps += 1
    return self.steps - 1 - (-1 if self.best_step is None else self.best_step) > self.patience


@instead_of("EarlyStopping.step")
def takes_a_tie_for_an_improvement(self, metric):
    self.history = [*getattr(self, "history", []), metric]
    if not gain(self, metric) >= self.min_delta:
        self.waited += 1
    else:
        self.weights = copy.deepcopy(self.model.state_dict())
        self.best, self.best_step, self.waited = metric, len(self.history) - 1, 0
    return self.waited >= self.patience


@instead_of("EarlyStopping.restore")
def puts_new_parameters_in_place(self):
    if self.best_step is None:
        raise RuntimeError("no best")
    self.model.load_state_dict(copy.deepcopy(self.weights), assign=True)
