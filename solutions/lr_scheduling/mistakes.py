import math

from grader.kit import instead_of

# warmup_cosine


def cosine(progress, max_lr, min_lr):
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * progress)) / 2


@instead_of("warmup_cosine")
def measures_progress_from_the_start(step, max_lr, min_lr, warmup_steps, total_steps):
    """Progress is taken as step / total_steps, so the decay has already begun when warm-up hands over, and the rate drops
    from one step to the next. Measure it over the decay alone."""
    if step >= total_steps:
        return float(min_lr)
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return cosine(step / total_steps, max_lr, min_lr)


@instead_of("warmup_cosine")
def turns_up_again_after_the_end(step, max_lr, min_lr, warmup_steps, total_steps):
    """A cosine does not stop at its lowest point. A run that goes on for longer than planned sees its rate climb back to
    max_lr, and the loss with it."""
    if step < warmup_steps and step < total_steps:
        return max_lr * step / warmup_steps
    if warmup_steps >= total_steps:
        return float(min_lr)
    return cosine((step - warmup_steps) / (total_steps - warmup_steps), max_lr, min_lr)


@instead_of("warmup_cosine")
def runs_through_a_full_cosine(step, max_lr, min_lr, warmup_steps, total_steps):
    """With 2π the cosine falls and rises again, so the run ends as it began, at max_lr. The decay is half a period: the
    angle goes from 0 to π."""
    if step >= total_steps:
        return float(min_lr)
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return cosine(2 * (step - warmup_steps) / (total_steps - warmup_steps), max_lr, min_lr)


@instead_of("warmup_cosine")
def decays_in_a_straight_line(step, max_lr, min_lr, warmup_steps, total_steps):
    """A line has the right ends and the right middle, but not the shape: the cosine stays near max_lr for longer, and then
    near min_lr."""
    if step >= total_steps:
        return float(min_lr)
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return max_lr + (min_lr - max_lr) * (step - warmup_steps) / (total_steps - warmup_steps)


@instead_of("warmup_cosine")
def cuts_the_cosine_off_at_min_lr(step, max_lr, min_lr, warmup_steps, total_steps):
    """The cosine falls towards zero and `max` cuts it off, so the rate hits min_lr early and with a kink. min_lr is where
    the cosine ends: scale it by max_lr - min_lr and add min_lr."""
    if step >= total_steps:
        return float(min_lr)
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return max(cosine((step - warmup_steps) / (total_steps - warmup_steps), max_lr, 0.0), float(min_lr))


@instead_of("warmup_cosine")
def scales_by_max_lr_alone(step, max_lr, min_lr, warmup_steps, total_steps):
    """min_lr is added, but the cosine still swings over the whole of max_lr: the decay begins above the peak. What swings is
    the difference, max_lr - min_lr."""
    if step >= total_steps:
        return float(min_lr)
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return min_lr + cosine((step - warmup_steps) / (total_steps - warmup_steps), max_lr, 0.0)


@instead_of("warmup_cosine")
def warms_up_from_the_second_step(step, max_lr, min_lr, warmup_steps, total_steps):
    """step + 1 avoids a rate of zero at the first step, and some code bases do it; then the peak comes one step early and
    lasts for two. Know which convention you were given, and check both ends of the ramp."""
    if step >= total_steps:
        return float(min_lr)
    if step < warmup_steps:
        return max_lr * (step + 1) / warmup_steps
    return cosine((step - warmup_steps) / (total_steps - warmup_steps), max_lr, min_lr)


@instead_of("warmup_cosine")
def includes_the_end_of_warmup(step, max_lr, min_lr, warmup_steps, total_steps):
    """Warm-up is counted up to and with warmup_steps, so that step 0 of a run without warm-up divides zero by zero. Where an
    interval ends is a decision: below warmup_steps, not at it."""
    if step >= total_steps:
        return float(min_lr)
    if step <= warmup_steps:
        return max_lr * step / warmup_steps
    return cosine((step - warmup_steps) / (total_steps - warmup_steps), max_lr, min_lr)


@instead_of("warmup_cosine")
def lets_warmup_outlast_the_run(step, max_lr, min_lr, warmup_steps, total_steps):
    """Warm-up is asked for before the end, so a warm-up of a thousand steps in a run of a hundred never comes down. Ask first
    for the piece that wins over the others."""
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    if step >= total_steps:
        return float(min_lr)
    return cosine((step - warmup_steps) / (total_steps - warmup_steps), max_lr, min_lr)


@instead_of("warmup_cosine")
def returns_min_lr_as_it_came(step, max_lr, min_lr, warmup_steps, total_steps):
    """A branch that computes nothing passes its argument through, so min_lr=0 comes back as an int from a function that
    promises a float. JSON logs and type checkers notice, at the very end of a run."""
    if step >= total_steps:
        return min_lr
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    return cosine((step - warmup_steps) / (total_steps - warmup_steps), max_lr, min_lr)


# inverse_sqrt


@instead_of("inverse_sqrt")
def takes_the_higher_branch(step, d_model, warmup_steps):
    """`max` takes the wrong one of the two curves everywhere but where they meet: the rate begins huge and then grows without
    end. Each curve is the bound in the other's half."""
    ramp = step * warmup_steps**-1.5 if warmup_steps else 0.0
    return d_model**-0.5 * max(step**-0.5, ramp)


@instead_of("inverse_sqrt")
def forgets_the_width(step, d_model, warmup_steps):
    """Without d_model ** -0.5 a model of width 512 takes steps more than twenty times too long, and diverges. The factor
    makes one schedule fit all widths."""
    return min(step**-0.5, step * warmup_steps**-1.5 if warmup_steps else math.inf)


@instead_of("inverse_sqrt")
def misremembers_the_power(step, d_model, warmup_steps):
    """A ramp of step / warmup_steps reaches 1 where the decay is already at 1 / sqrt(warmup_steps), so the curves meet far too
    early. The power is -1.5 because the ramp must meet the decay: w · w ** -1.5 = w ** -0.5."""
    return d_model**-0.5 * min(step**-0.5, step / warmup_steps if warmup_steps else math.inf)


@instead_of("inverse_sqrt")
def restarts_the_decay_after_warmup(step, d_model, warmup_steps):
    """The decay counts its steps from the end of warm-up, so right after the peak the rate leaps to that of step 1. In the
    paper both curves are functions of the same step."""
    if step <= warmup_steps:
        return d_model**-0.5 * step * warmup_steps**-1.5
    return d_model**-0.5 * (step - warmup_steps) ** -0.5


@instead_of("inverse_sqrt")
def divides_by_no_warmup(step, d_model, warmup_steps):
    """The formula of the paper has warmup_steps ** -1.5, and 0 ** -1.5 is a division by zero. No warm-up means no ramp, which
    is a case of its own."""
    return d_model**-0.5 * min(step**-0.5, step * warmup_steps**-1.5)


# step_decay


@instead_of("step_decay")
def decays_smoothly(step, base_lr, gamma, step_size):
    """`/` in place of `//` gives an exponential decay that only touches the staircase at its corners. The steps are in the
    integer division."""
    return float(base_lr * gamma ** (step / step_size))


@instead_of("step_decay")
def decays_at_every_step(step, base_lr, gamma, step_size):
    """gamma is applied at each step and step_size never read: after a hundred steps with 0.1 nothing is left of the rate."""
    return float(base_lr * gamma**step)


@instead_of("step_decay")
def rounds_to_the_nearest_period(step, base_lr, gamma, step_size):
    """`round` goes up in the middle of a period, so every drop comes half a period early. Whole periods that have passed are
    counted with floor."""
    return float(base_lr * gamma ** round(step / step_size))


@instead_of("step_decay")
def drops_one_step_late(step, base_lr, gamma, step_size):
    """The steps are counted as if they began at 1, so each drop comes one step late. Counted from 0, step_size steps have
    passed when step equals step_size."""
    return float(base_lr * gamma ** (max(step - 1, 0) // step_size))


@instead_of("step_decay")
def returns_the_product_as_it_is(step, base_lr, gamma, step_size):
    """An int times an int to an int power is an int. A division or a cosine would have made a float of it by accident; here
    only `float` does."""
    return base_lr * gamma ** (step // step_size)


# ReduceOnPlateau


def reduced(self):
    self.lr, self.waited = max(self.lr * self.factor, float(self.min_lr)), 0
    return self.lr


@instead_of("ReduceOnPlateau.step")
def loses_patience_one_step_early(self, metric):
    """`>=` reduces one bad step early, and with a patience of 0 even at an improvement. patience is how many bad steps are
    forgiven: the one after them reduces."""
    if metric < self.best:
        self.best, self.waited = metric, 0
    else:
        self.waited += 1
    return reduced(self) if self.waited >= self.patience else self.lr


@instead_of("ReduceOnPlateau.step")
def takes_a_tie_for_an_improvement(self, metric):
    """With `<=` a metric that stands still counts as progress for ever, and the rate is never reduced. Standing still is what a
    plateau is: an improvement is strictly less."""
    if metric <= self.best:
        self.best, self.waited = metric, 0
    else:
        self.waited += 1
    return reduced(self) if self.waited > self.patience else self.lr


@instead_of("ReduceOnPlateau.step")
def never_forgives(self, metric):
    """The count is not set back by an improvement, so bad steps add up over the whole run and a noisy metric reduces the rate
    while it still falls. Only bad steps in a row make a plateau."""
    if metric < self.best:
        self.best = metric
    else:
        self.waited += 1
    return reduced(self) if self.waited > self.patience else self.lr


@instead_of("ReduceOnPlateau.step")
def reduces_at_every_step_from_then_on(self, metric):
    """The count is not set back by a reduction, so the next bad step reduces again, and the next: the rate collapses before
    the smaller one had a chance."""
    if metric < self.best:
        self.best, self.waited = metric, 0
    else:
        self.waited += 1
    if self.waited > self.patience:
        self.lr = max(self.lr * self.factor, float(self.min_lr))
    return self.lr


@instead_of("ReduceOnPlateau.step")
def compares_with_the_metric_before(self, metric):
    """The last metric is kept in place of the best, so one bad step makes the next one look like progress, and a metric that
    merely swings never counts as a plateau."""
    self.waited = 0 if metric < self.best else self.waited + 1
    if not math.isnan(metric):
        self.best = metric
    return reduced(self) if self.waited > self.patience else self.lr


@instead_of("ReduceOnPlateau.step")
def forgets_the_best_at_a_reduction(self, metric):
    """After a reduction the best starts again from infinity, so any metric passes for an improvement, even one that is worse
    than before. A smaller rate has to beat what the larger one reached."""
    if metric < self.best:
        self.best, self.waited = metric, 0
    else:
        self.waited += 1
    if self.waited > self.patience:
        self.best = math.inf
        return reduced(self)
    return self.lr


@instead_of("ReduceOnPlateau.step")
def falls_through_the_floor(self, metric):
    """min_lr is stored and never read. On a long plateau the rate falls without end, and training stops without saying so."""
    if metric < self.best:
        self.best, self.waited = metric, 0
    else:
        self.waited += 1
    if self.waited > self.patience:
        self.lr, self.waited = self.lr * self.factor, 0
    return self.lr


@instead_of("ReduceOnPlateau.step")
def stops_above_the_floor(self, metric):
    """A reduction that would go below min_lr is skipped, so the rate stays above a floor that it was allowed to reach. Clip
    the result; do not refuse the step."""
    if metric < self.best:
        self.best, self.waited = metric, 0
    else:
        self.waited += 1
    if self.waited > self.patience and self.lr * self.factor >= self.min_lr:
        return reduced(self)
    return self.lr


@instead_of("ReduceOnPlateau.step")
def takes_nan_for_the_best(self, metric):
    """Every comparison with NaN is false, so `metric >= best` sends NaN down the other branch, where it becomes the best and
    nothing is ever worse again. Write the comparison so that NaN fails it."""
    if metric >= self.best:
        self.waited += 1
    else:
        self.best, self.waited = metric, 0
    return reduced(self) if self.waited > self.patience else self.lr


@instead_of("ReduceOnPlateau.step")
def keeps_nan_as_the_least(self, metric):
    """`min(metric, best)` returns its first argument when the comparison fails: a NaN becomes the best, and the next metric,
    however bad, takes its place. What was reached before is forgotten. With NaN about, min depends on the order of its
    arguments."""
    self.waited = 0 if metric < self.best else self.waited + 1
    self.best = min(metric, self.best)
    return reduced(self) if self.waited > self.patience else self.lr


@instead_of("ReduceOnPlateau.__init__")
def keeps_the_rate_as_it_came(self, lr, factor=0.1, patience=10, min_lr=0.0):
    """lr=1 stays an int until the first reduction multiplies it, so the type of the result depends on how training went.
    Convert once, where the value comes in."""
    self.lr, self.factor, self.patience, self.min_lr = lr, factor, patience, min_lr
    self.best, self.waited = math.inf, 0
