import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis.strategies import integers, lists

from exercises.lr_scheduling.lr_scheduling import ReduceOnPlateau, inverse_sqrt, step_decay, warmup_cosine
from grader.kit import agrees

forbids = [
    "torch.optim.lr_scheduler.CosineAnnealingLR",
    "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts",
    "torch.optim.lr_scheduler.LinearLR",
    "torch.optim.lr_scheduler.StepLR",
    "torch.optim.lr_scheduler.MultiStepLR",
    "torch.optim.lr_scheduler.ReduceLROnPlateau",
]

counts = integers(1, 20)
peaks = integers(5, 12).map(lambda n: n / 4)  # above every floor
floors = integers(0, 4).map(lambda n: n / 4)
factors = integers(1, 3).map(lambda n: n / 4)
patiences = integers(0, 5)
few = settings(max_examples=12)  # where there is little to draw


def same_rate(got, expected):
    """Up to the rounding of float32, in which a schedule may be computed too."""
    agrees(got, expected, atol=1e-6, rtol=1e-6)


def last_rate(scheduler, metrics):
    """What the scheduler returns for the last of the metrics."""
    return [scheduler.step(metric) for metric in metrics][-1]


# warmup_cosine


@given(peaks, floors, counts, counts)
def test_warmup_climbs_from_zero_in_proportion(max_lr, min_lr, warmup_steps, decay_steps):
    """Below warmup_steps, the rate is max_lr · step / warmup_steps."""
    for step in range(warmup_steps):
        rate = warmup_cosine(step, max_lr, min_lr, warmup_steps, warmup_steps + decay_steps)
        same_rate(rate, max_lr * step / warmup_steps)


@given(peaks, floors, counts, counts)
def test_warmup_ends_at_max_lr(max_lr, min_lr, warmup_steps, decay_steps):
    """At warmup_steps, the rate is max_lr."""
    same_rate(warmup_cosine(warmup_steps, max_lr, min_lr, warmup_steps, warmup_steps + decay_steps), max_lr)


@given(peaks, floors, counts)
def test_no_warmup_begins_at_max_lr(max_lr, min_lr, total_steps):
    """With warmup_steps = 0, the rate is max_lr at step 0."""
    same_rate(warmup_cosine(0, max_lr, min_lr, 0, total_steps), max_lr)


@given(peaks, floors, counts)
def test_no_warmup_leaves_the_decay_alone(max_lr, min_lr, total_steps):
    """With warmup_steps = 0, the steps after the first follow half a cosine from step 0 to total_steps."""
    for step in range(1, total_steps):
        share = (1 + math.cos(math.pi * step / total_steps)) / 2
        same_rate(warmup_cosine(step, max_lr, min_lr, 0, total_steps), min_lr + share * (max_lr - min_lr))


@given(peaks, floors, counts, counts)
def test_the_decay_is_half_a_cosine(max_lr, min_lr, warmup_steps, decay_steps):
    """Between warmup_steps and total_steps, the rate is min_lr plus (1 + cos(π · progress)) / 2 of the way up."""
    for after in range(1, decay_steps):
        rate = warmup_cosine(warmup_steps + after, max_lr, min_lr, warmup_steps, warmup_steps + decay_steps)
        share = (1 + math.cos(math.pi * after / decay_steps)) / 2
        same_rate(rate, min_lr + share * (max_lr - min_lr))


@given(peaks, floors, counts, counts)
def test_half_way_down_is_half_way_in_time(max_lr, min_lr, warmup_steps, half):
    """In the middle of the decay, the rate is the mean of max_lr and min_lr."""
    rate = warmup_cosine(warmup_steps + half, max_lr, min_lr, warmup_steps, warmup_steps + 2 * half)
    same_rate(rate, (max_lr + min_lr) / 2)


@given(peaks, floors, counts, counts)
def test_the_decay_never_rises(max_lr, min_lr, warmup_steps, decay_steps):
    """From warmup_steps to total_steps, no step has a higher rate than the one before."""
    steps = range(warmup_steps, warmup_steps + decay_steps + 1)
    rates = [warmup_cosine(step, max_lr, min_lr, warmup_steps, warmup_steps + decay_steps) for step in steps]
    for rate, following in pairwise(rates):
        same_rate(following, min(rate, following))


@given(peaks, floors, counts, counts)
def test_the_decay_ends_at_min_lr(max_lr, min_lr, warmup_steps, decay_steps):
    """At total_steps, the rate is min_lr."""
    total_steps = warmup_steps + decay_steps
    same_rate(warmup_cosine(total_steps, max_lr, min_lr, warmup_steps, total_steps), min_lr)


@given(peaks, floors, counts, counts)
def test_min_lr_stays_after_the_end(max_lr, min_lr, warmup_steps, decay_steps):
    """After total_steps, the rate stays min_lr."""
    total_steps = warmup_steps + decay_steps
    for step in range(total_steps + 1, total_steps + 5):
        same_rate(warmup_cosine(step, max_lr, min_lr, warmup_steps, total_steps), min_lr)


@given(peaks, floors, counts, integers(0, 5))
def test_the_end_overrules_a_longer_warmup(max_lr, min_lr, total_steps, more):
    """From total_steps on, the rate is min_lr even if warmup_steps is as large or larger."""
    for step in range(total_steps, total_steps + more + 2):
        same_rate(warmup_cosine(step, max_lr, min_lr, total_steps + more, total_steps), min_lr)


@given(peaks, floors, counts, integers(0, 5))
def test_a_longer_warmup_climbs_until_the_end(max_lr, min_lr, total_steps, more):
    """Before total_steps, a warm-up that is as long or longer climbs as ever."""
    for step in range(total_steps):
        rate = warmup_cosine(step, max_lr, min_lr, total_steps + more, total_steps)
        same_rate(rate, max_lr * step / (total_steps + more))


@few
@given(integers(2, 4), integers(0, 1), integers(0, 4), integers(1, 8))
def test_warmup_cosine_returns_floats(max_lr, min_lr, warmup_steps, total_steps):
    """Also for int arguments, every step of warmup_cosine gives a float."""
    rates = [warmup_cosine(step, max_lr, min_lr, warmup_steps, total_steps) for step in range(10)]
    assert [type(rate) for rate in rates] == [float] * 10


# inverse_sqrt


@given(counts, counts)
def test_inverse_sqrt_climbs_in_proportion(d_model, warmup_steps):
    """Up to warmup_steps, the rate is step times the rate of step 1."""
    first = inverse_sqrt(1, d_model, warmup_steps)
    for step in range(2, warmup_steps + 1):
        same_rate(inverse_sqrt(step, d_model, warmup_steps), step * first)


@given(counts, counts)
def test_inverse_sqrt_peaks_at_the_end_of_warmup(d_model, warmup_steps):
    """At warmup_steps, the rate is 1 / sqrt(d_model · warmup_steps)."""
    same_rate(inverse_sqrt(warmup_steps, d_model, warmup_steps), 1 / math.sqrt(d_model * warmup_steps))


@given(counts, counts, counts)
def test_inverse_sqrt_decays_with_the_root_of_the_step(d_model, warmup_steps, more):
    """After warmup_steps, the rate is 1 / sqrt(d_model · step)."""
    step = warmup_steps + more
    same_rate(inverse_sqrt(step, d_model, warmup_steps), 1 / math.sqrt(d_model * step))


@given(counts, counts, counts)
def test_a_model_four_times_as_wide_steps_half_as_far(step, d_model, warmup_steps):
    """Four times the d_model halves the rate of inverse_sqrt, at every step."""
    same_rate(inverse_sqrt(step, 4 * d_model, warmup_steps), inverse_sqrt(step, d_model, warmup_steps) / 2)


@given(counts, counts)
def test_inverse_sqrt_without_warmup_only_decays(step, d_model):
    """With warmup_steps = 0, the rate is 1 / sqrt(d_model · step) from step 1 on."""
    same_rate(inverse_sqrt(step, d_model, 0), 1 / math.sqrt(d_model * step))


@few
@given(counts, counts, integers(0, 20))
def test_inverse_sqrt_returns_floats(step, d_model, warmup_steps):
    """Every step of inverse_sqrt gives a float."""
    assert type(inverse_sqrt(step, d_model, warmup_steps)) is float


# step_decay


@given(peaks, factors, counts)
def test_the_first_period_has_the_base_rate(base_lr, gamma, step_size):
    """Before step_size, the rate is base_lr."""
    for step in range(step_size):
        same_rate(step_decay(step, base_lr, gamma, step_size), base_lr)


@given(peaks, factors, counts, integers(1, 4))
def test_a_period_begins_at_a_multiple_of_step_size(base_lr, gamma, step_size, period):
    """At period · step_size, the rate is base_lr times gamma, as often as there were periods."""
    expected = base_lr
    for _ in range(period):
        expected *= gamma
    same_rate(step_decay(period * step_size, base_lr, gamma, step_size), expected)


@given(peaks, factors, counts, integers(1, 4))
def test_the_rate_holds_for_a_whole_period(base_lr, gamma, step_size, period):
    """From one multiple of step_size to the next, the rate does not change."""
    first = step_decay(period * step_size, base_lr, gamma, step_size)
    for step in range(period * step_size, (period + 1) * step_size):
        same_rate(step_decay(step, base_lr, gamma, step_size), first)


@given(peaks, factors, counts, integers(0, 40))
def test_there_is_nothing_between_the_stairs(base_lr, gamma, step_size, step):
    """Every rate is base_lr times a whole power of gamma."""
    rate = step_decay(step, base_lr, gamma, step_size)
    stairs = [base_lr * gamma**power for power in range(step + 1)]
    same_rate(rate, min(stairs, key=lambda stair: abs(stair - rate)))


@few
@given(integers(0, 20), integers(1, 3), integers(0, 2), counts)
def test_step_decay_returns_floats(step, base_lr, gamma, step_size):
    """Also for int arguments, step_decay gives a float."""
    assert type(step_decay(step, base_lr, gamma, step_size)) is float


# ReduceOnPlateau


@few
@given(peaks, factors, patiences)
def test_a_falling_metric_keeps_the_rate(lr, factor, patience):
    """While every metric is less than all before it, the rate stays."""
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), range(20, 0, -1)), lr)


@few
@given(peaks, factors, patiences)
def test_patience_holds_the_rate(lr, factor, patience):
    """After the best metric, `patience` worse ones in a row do not reduce."""
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), [1.0] + [2.0] * patience), lr)


@few
@given(peaks, factors, patiences)
def test_patience_ends_with_one_step_more(lr, factor, patience):
    """The (patience + 1)th worse metric in a row multiplies the rate by factor, at that very step."""
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), [1.0] + [2.0] * (patience + 1)), lr * factor)


@few
@given(peaks, factors, patiences)
def test_a_tie_is_no_improvement(lr, factor, patience):
    """Metrics that only equal the best count as steps without an improvement."""
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), [1.0] * (patience + 2)), lr * factor)


@few
@given(peaks, factors, patiences)
def test_an_improvement_starts_the_count_anew(lr, factor, patience):
    """Steps without an improvement count only in a row: a new best in between forgives those before it."""
    metrics = [1.0] + [2.0] * patience + [0.5] + [2.0] * patience
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), metrics), lr)


@few
@given(peaks, factors, patiences)
def test_an_improvement_is_measured_from_the_best(lr, factor, patience):
    """Metrics that fall, but stay above the best, are no improvement."""
    metrics = [1.0] + [2.0 + bad for bad in range(patience + 1, 0, -1)]
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), metrics), lr * factor)


@few
@given(peaks, factors, integers(1, 5))
def test_a_reduction_starts_the_count_anew(lr, factor, patience):
    """After a reduction, `patience` more steps without an improvement do not reduce again."""
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), [1.0] + [2.0] * (2 * patience + 1)), lr * factor)


@few
@given(peaks, factors, integers(0, 3), integers(2, 4))
def test_reductions_multiply(lr, factor, patience, reductions):
    """Every further (patience + 1) steps without an improvement multiply the rate by factor again."""
    metrics = [1.0] + [2.0] * (reductions * (patience + 1))
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), metrics), lr * factor**reductions)


@few
@given(peaks, factors, integers(1, 5))
def test_the_best_survives_a_reduction(lr, factor, patience):
    """After a reduction, a metric must still be less than the best ever to be an improvement."""
    metrics = [1.0] + [3.0] * (patience + 1) + [2.0] + [3.0] * patience
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), metrics), lr * factor**2)


@few
@given(peaks, factors, patiences, floors)
def test_no_reduction_goes_below_min_lr(lr, factor, patience, min_lr):
    """However many reductions there are, the rate never lies below min_lr."""
    scheduler = ReduceOnPlateau(lr, factor, patience, min_lr)
    for metric in [1.0] + [2.0] * (10 * (patience + 1)):
        rate = scheduler.step(metric)
        same_rate(rate, max(rate, min_lr))


@few
@given(peaks, factors, patiences)
def test_the_last_reduction_reaches_min_lr(lr, factor, patience):
    """A reduction that would go below min_lr stops at min_lr."""
    min_lr, metrics = lr * factor**1.5, [1.0] + [2.0] * (3 * (patience + 1))
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience, min_lr), metrics), min_lr)


@few
@given(peaks, factors, integers(1, 5))
def test_nan_is_no_improvement(lr, factor, patience):
    """The (patience + 1)th NaN in a row reduces, and none before, even if no number ever came."""
    scheduler = ReduceOnPlateau(lr, factor, patience)
    same_rate(last_rate(scheduler, [math.nan] * patience), lr)
    same_rate(scheduler.step(math.nan), lr * factor)


@few
@given(peaks, factors, integers(1, 5))
def test_nan_does_not_make_worse_metrics_good(lr, factor, patience):
    """After a NaN, metrics that are worse than the best number before it are still no improvement."""
    metrics = [1.0, math.nan] + [2.0] * patience
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), metrics), lr * factor)


@few
@given(peaks, factors, integers(1, 5))
def test_nan_does_not_stay(lr, factor, patience):
    """After a NaN, a metric that is less than the best number before it is an improvement."""
    metrics = [1.0, math.nan, 0.5] + [2.0] * patience
    same_rate(last_rate(ReduceOnPlateau(lr, factor, patience), metrics), lr)


@few
@given(peaks)
def test_the_plateau_has_defaults(lr):
    """By default, the 11th step in a row without an improvement takes a tenth, and the floor is 0."""
    scheduler = ReduceOnPlateau(lr)
    same_rate(last_rate(scheduler, [1.0] * 11), lr)
    same_rate(last_rate(scheduler, [1.0]), lr / 10)
    same_rate(last_rate(scheduler, [1.0] * 110), lr / 10**11)


@few
@given(integers(1, 3), integers(0, 1), lists(integers(0, 3), min_size=1, max_size=8))
def test_the_plateau_returns_floats(lr, min_lr, metrics):
    """Also for int arguments, every step of ReduceOnPlateau gives a float."""
    scheduler = ReduceOnPlateau(lr, 0, 0, min_lr)
    assert {type(scheduler.step(metric)) for metric in metrics} == {float}
