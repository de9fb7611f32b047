import math

import torch

from grader.kit import instead_of


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def improves(self, metric):
    if not math.isfinite(metric):
        return False
    return self.best is None or self.sign * metric < self.sign * self.best - self.min_delta


def take(self, metric):
    """What belongs to an improvement."""
    self.best, self.best_step, self.waited, self.weights = metric, self.steps, 0, snapshot(self.model)


def told(self, metric, better):
    """A right step, but for what counts as better."""
    if better:
        take(self, metric)
    else:
        self.waited += 1
    self.steps += 1
    return self.waited >= self.patience


@instead_of("EarlyStopping.step")
def keeps_a_reference(self, metric):
    """`state_dict()` returns the tensors of the model, not copies, and the optimizer writes into them: by the time of the
    restore, the best weights are the last ones. The loop runs, the log looks right, and nothing was gained. Clone."""
    found = told(self, metric, improves(self, metric))
    self.weights = dict(self.model.state_dict())
    return found


@instead_of("EarlyStopping.step")
def keeps_the_parameters_alone(self, metric):
    """A batch norm's running mean and variance are buffers: they change in training and decide what evaluation computes. Best
    weights beside last statistics is a model that was never measured. `state_dict` has both."""
    found = told(self, metric, improves(self, metric))
    if self.best_step == self.steps - 1:
        self.weights = {name: parameter.detach().clone() for name, parameter in self.model.named_parameters()}
    return found


@instead_of("EarlyStopping.step")
def keeps_the_latest_weights(self, metric):
    """The copy is made at every step, so what comes back is the last one, `patience` steps past the best. It belongs into
    the branch of the improvement."""
    found = told(self, metric, improves(self, metric))
    self.weights = snapshot(self.model)
    return found


@instead_of("EarlyStopping.step")
def waits_one_step_more(self, metric):
    """`>` in place of `>=` is the convention of torch's ReduceLROnPlateau: the (patience + 1)th step acts. Keras and
    Lightning stop at the patience-th. Both are reasonable, and a sweep that mixes them compares different runs."""
    told(self, metric, improves(self, metric))
    return self.waited > self.patience


@instead_of("EarlyStopping.step")
def counts_all_bad_steps(self, metric):
    """The count is never set back, so it is the total of bad steps, and a run that improves two times out of three stops
    all the same. Patience is about steps in a row."""
    waited = self.waited
    told(self, metric, improves(self, metric))
    self.waited = max(self.waited, waited)
    return self.waited >= self.patience


@instead_of("EarlyStopping.step")
def takes_a_tie_for_an_improvement(self, metric):
    """With `<=` a metric that stands still improves forever and training never stops; and with a constant metric the
    weights that are kept are the last and not the first. As good is not better."""
    gain = -math.inf if self.best is None else self.sign * metric - (self.sign * self.best - self.min_delta)
    return told(self, metric, math.isfinite(metric) and gain <= 0)


@instead_of("EarlyStopping.step")
def compares_with_the_step_before(self, metric):
    """Being better than last time is easy after a bad step. A metric that zigzags above its best improves every other time,
    so training goes on, and what `best` holds is not the best. Compare with the best."""
    previous = getattr(self, "previous", None)
    better = math.isfinite(metric) and (previous is None or self.sign * metric < self.sign * previous - self.min_delta)
    self.previous = metric if math.isfinite(metric) else previous
    return told(self, metric, better)


@instead_of("EarlyStopping.step")
def lets_nan_improve(self, metric):
    """`if metric >= best: wait` sends NaN into the other branch, since every comparison with it is false. NaN becomes the best,
    nothing will ever be worse, and the weights that are kept are broken. Ask for better, and for finite."""
    worse = self.best is not None and self.sign * metric >= self.sign * self.best - self.min_delta
    return told(self, metric, not worse and not math.isinf(metric))


@instead_of("EarlyStopping.step")
def believes_an_infinity(self, metric):
    """A metric of minus infinity is the logarithm of an underflow and not a triumph; as the best it is never beaten. NaN
    alone is not all that goes wrong: `isfinite` catches both."""
    better = not math.isnan(metric) and (self.best is None or self.sign * metric < self.sign * self.best - self.min_delta)
    return told(self, metric, better)


@instead_of("EarlyStopping.step")
def adds_min_delta(self, metric):
    """`metric < best + min_delta` turns the margin round: slightly worse counts as better, and the best drifts upwards. It
    has to get harder to improve, so the margin is subtracted where lower is better."""
    better = self.best is None or self.sign * metric < self.sign * self.best + self.min_delta
    return told(self, metric, math.isfinite(metric) and better)


@instead_of("EarlyStopping.step")
def takes_min_delta_for_a_share(self, metric):
    """A threshold relative to the best is the default of ReduceLROnPlateau. It is another quantity: it vanishes with the
    metric, and without the abs it would turn round where the metric is negative, as a log-likelihood is. Here the margin is
    absolute."""
    better = self.best is None or self.sign * metric < self.sign * self.best - abs(self.best) * self.min_delta
    return told(self, metric, math.isfinite(metric) and better)


@instead_of("EarlyStopping.step")
def lets_the_best_creep(self, metric):
    """`best` follows every gain, also one too small to count, so each step is measured from the one before it and slow, steady
    progress never adds up to an improvement. Move the mark only when it was passed by enough."""
    found = told(self, metric, improves(self, metric))
    if math.isfinite(metric) and self.best is not None and self.sign * metric < self.sign * self.best:
        self.best = metric
    return found


@instead_of("EarlyStopping.step")
def lets_lower_be_better_always(self, metric):
    """The flag is stored and not read: with accuracy as the metric, the run stops `patience` steps after its worst
    evaluation, and that is the model that is kept."""
    better = math.isfinite(metric) and (self.best is None or metric < self.best - self.min_delta)
    return told(self, metric, better)


@instead_of("EarlyStopping.restore")
def puts_new_parameters_in_place(self):
    """Fresh tensors in place of the old parameters look right and train no more: the optimizer goes on updating the objects
    that it was given, which the model no longer has. Copy the values into the parameters."""
    if self.best is None:
        raise RuntimeError
    for name, parameter in list(self.model.named_parameters(remove_duplicate=False)):
        owner, _, leaf = name.rpartition(".")
        fresh = torch.nn.Parameter(self.weights[name].clone(), parameter.requires_grad)
        setattr(self.model.get_submodule(owner), leaf, fresh)
    for name, buffer in self.model.named_buffers():
        buffer.copy_(self.weights[name])


@instead_of("EarlyStopping.restore")
def gives_its_copy_away(self):
    """`parameter.data = saved` hands the one copy to the model, which trains on in it: a second restore finds what was trained
    since. Copy on the way out as on the way in."""
    if self.best is None:
        raise RuntimeError
    places = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
    for name, tensor in places.items():
        tensor.data = self.weights[name]


@instead_of("EarlyStopping.restore")
def restores_nothing_in_silence(self):
    """Where every metric was NaN there is no best, and returning without a word leaves the broken weights to be deployed.
    What was asked for can't be done, so say so."""
    if self.best is not None:
        self.model.load_state_dict(self.weights)
