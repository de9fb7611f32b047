import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, integers, lists, sampled_from
from torch import nn

from exercises.early_stopping.early_stopping import EarlyStopping
from grader.kit import agrees, quarters, refuses, scattered, seeds

forbids = []

few = settings(max_examples=10)
patiences = integers(1, 4)
numbers = integers(-8, 8).map(lambda n: n / 4)
END = [-4.0, -4.25, -4.5, -4.5, 0.0, 0.0, 0.0, 0.0]  # of every run: a gain, small ones that add up, a tie, and no more
metrics = lists(numbers, max_size=8).map(lambda values: values + END)
with_strays = lists(numbers | sampled_from([math.nan, math.inf, -math.inf]), max_size=8).map(lambda values: values + END)
dtypes = sampled_from([torch.float64, torch.float32, torch.bfloat16])


def told(values, *settings, **named):
    """What step returns for each of the values, in turn."""
    stopping = EarlyStopping(nn.Linear(1, 1), *settings, **named)
    return [stopping.step(value) for value in values]


def improvements(values, min_delta=0.0):
    """The steps at which a finite metric lies below that of the last improvement by more than min_delta."""
    found = []
    for step, value in enumerate(values):
        if math.isfinite(value) and (not found or value < values[found[-1]] - min_delta):
            found.append(step)
    return found


def by_definition(values, patience, min_delta=0.0):
    """True where the last `patience` steps are there and hold no improvement."""
    better = improvements(values, min_delta)
    return [step + 1 >= patience and not any(step - patience < b <= step for b in better) for step in range(len(values))]


@torch.no_grad()
def write(model, number):
    """Set everything that a state_dict holds to `number`, in place, as training does."""
    for tensor in model.state_dict().values():
        tensor.fill_(number)


def holds(model, number):
    """Everything in the model is `number`."""
    for tensor in model.state_dict().values():
        agrees(tensor, torch.full_like(tensor, number))


def trained(values, model, **named):
    """An EarlyStopping to which step after step was told, while all of the model was the number of the step."""
    stopping = EarlyStopping(model, **named)
    for step, value in enumerate(values):
        write(model, step)
        stopping.step(value)
    write(model, 100)
    return stopping


def check_that_it_is_no_improvement(stray, patience, higher_is_better):
    """Told before and after a number."""
    stopping = EarlyStopping(nn.Linear(1, 1), patience, higher_is_better=higher_is_better)
    assert [stopping.step(stray) for _ in range(patience)] == [False] * (patience - 1) + [True]
    agrees((stopping.best, stopping.best_step), (None, None))
    assert not stopping.step(1.0)
    assert [stopping.step(stray) for _ in range(patience)] == [False] * (patience - 1) + [True]
    agrees((stopping.best, stopping.best_step), (1.0, patience))


@few
@given(patiences)
def test_a_falling_metric_never_stops(patience):
    """While every metric is below all before it, step returns False."""
    assert told(range(20, 0, -1), patience) == [False] * 20


@few
@given(patiences, integers(0, 5))
def test_it_stops_at_the_last_step_of_its_patience(patience, more):
    """After an improvement, step returns True at the patience-th step without one, not before, and from then on."""
    assert told([1.0] + [2.0] * (patience + more), patience) == [False] * patience + [True] * (more + 1)


@few
@given(patiences)
def test_an_improvement_starts_the_count_anew(patience):
    """Worse steps before an improvement do not count, even if step has said True already."""
    assert told([3.0] + [4.0] * patience + [2.0] + [4.0] * patience, patience)[patience + 1 :] == [False] * patience + [True]


@few
@given(patiences)
def test_as_good_is_no_improvement(patience):
    """A metric equal to the best one is a step without an improvement."""
    assert told([1.0] * (patience + 1), patience)[-1]


@few
@given(patiences)
def test_less_bad_is_no_improvement(patience):
    """A metric below the one before, and not below the best, is a step without an improvement."""
    assert told([1.0] + [9.0 - step for step in range(patience)], patience)[-1]


@given(with_strays, patiences, sampled_from([0.0, 0.25, 1.0]))
def test_it_stops_when_its_last_steps_brought_nothing(values, patience, min_delta):
    """step returns True exactly where the last `patience` steps are there and none of them was an improvement."""
    agrees(told(values, patience, min_delta), by_definition(values, patience, min_delta))


@few
@given(patiences, integers(1, 8).map(lambda n: n / 4))
def test_an_improvement_is_more_than_min_delta(patience, min_delta):
    """A gain of exactly min_delta is no improvement, in absolute terms, and any larger one is; in either direction."""
    for sign in (1, -1):
        values = [sign * 100.0] + [sign * (100.0 - min_delta)] * patience
        assert told(values, patience, min_delta, higher_is_better=sign < 0)[-1]
        values = [sign * 100.0] + [sign * (100.0 - min_delta - 0.25)] * patience
        assert not told(values, patience, min_delta, higher_is_better=sign < 0)[-1]


@few
@given(patiences)
def test_small_gains_add_up(patience):
    """Gains that are too small each are measured from the last improvement, so that together they become one."""
    stopping = EarlyStopping(nn.Linear(1, 1), patience + 3, 1.0)
    assert not any(stopping.step(value) for value in [5.0, 4.5, 4.0, 3.75] + [9.0] * (patience + 2))
    agrees((stopping.best, stopping.best_step), (3.75, 3))


@few
@given(metrics, patiences, sampled_from([0.0, 0.25, 1.0]))
def test_higher_may_be_better(values, patience, min_delta):
    """With higher_is_better, everything is as for the negative metric."""
    mirrored = [-value for value in values]
    agrees(told(mirrored, patience, min_delta, higher_is_better=True), by_definition(values, patience, min_delta))
    stopping = trained(mirrored, nn.Linear(1, 1), min_delta=min_delta, higher_is_better=True)
    last = improvements(values, min_delta)[-1]
    agrees((stopping.best, stopping.best_step), (mirrored[last], last))


@few
@given(patiences, booleans())
def test_nan_is_no_improvement(patience, higher_is_better):
    """NaN is a step without an improvement, first of all or later, and does not become the best."""
    check_that_it_is_no_improvement(math.nan, patience, higher_is_better)


@few
@given(patiences, booleans())
def test_an_infinity_is_no_improvement(patience, higher_is_better):
    """Either infinity is a step without an improvement, first of all or later, and does not become the best."""
    for infinity in (math.inf, -math.inf):
        check_that_it_is_no_improvement(infinity, patience, higher_is_better)


@few
@given(with_strays, sampled_from([0.0, 0.25, 1.0]))
def test_best_is_that_of_the_last_improvement(values, min_delta):
    """best and best_step are the metric and the step of the last improvement, or None."""
    stopping = trained(values, nn.Linear(1, 1), min_delta=min_delta)
    found = improvements(values, min_delta)
    agrees((stopping.best, stopping.best_step), (values[found[-1]], found[-1]) if found else (None, None))


@given(metrics, sampled_from([0.0, 0.25, 1.0]))
def test_restore_brings_back_the_best_step(values, min_delta):
    """After restore, the parameters are what they were at the best step, whatever was trained since."""
    model = nn.Linear(2, 3)
    trained(values, model, min_delta=min_delta).restore()
    holds(model, improvements(values, min_delta)[-1])


@few
@given(metrics)
def test_restore_brings_back_the_buffers(values):
    """After restore, what is no parameter, as the running statistics of a batch norm, is what it was at the best step too."""
    model = nn.BatchNorm1d(2)
    trained(values, model).restore()
    holds(model, improvements(values)[-1])


@few
@given(metrics)
def test_restore_writes_into_the_parameters_that_are_there(values):
    """After restore, the model has the same parameter objects, which require gradients as before."""
    model = nn.Linear(2, 3)
    model.bias.requires_grad_(False)
    before = list(model.parameters())
    trained(values, model).restore()
    assert all(one is other for one, other in zip(model.parameters(), before, strict=True))
    assert [parameter.requires_grad for parameter in model.parameters()] == [True, False]


@few
@given(metrics)
def test_restore_can_be_repeated(values):
    """What is trained after a restore does not reach the weights that are kept."""
    model = nn.BatchNorm1d(2)
    stopping = trained(values, model)
    for _ in range(2):
        stopping.restore()
        holds(model, improvements(values)[-1])
        write(model, 50)


@few
@given(seeds, dtypes)
def test_weights_of_any_kind_come_back(seed, dtype):
    """Weights of any dtype and memory layout come back bit by bit, and tied ones stay tied."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).to(dtype)
    model[1].weight = model[0].weight
    model[0].bias = nn.Parameter(scattered(quarters(seed, 2).to(dtype) / 3))
    before = [tensor.clone() for tensor in model.state_dict().values()]
    stopping = EarlyStopping(model)
    stopping.step(1.0)
    write(model, 7)
    stopping.restore()
    assert all(map(torch.equal, model.state_dict().values(), before))
    assert model[1].weight is model[0].weight


@few
@given(metrics, booleans())
def test_step_leaves_the_model_alone(values, mode):
    """Weights, gradients and mode are the same before and after a step."""
    model = nn.BatchNorm1d(2).train(mode)
    model(quarters(0, 3, 2)).sum().backward()
    before = [*(tensor.clone() for tensor in model.state_dict().values()), *(p.grad.clone() for p in model.parameters())]
    stopping = EarlyStopping(model)
    for value in values:
        stopping.step(value)
    for now, was in zip([*model.state_dict().values(), *(p.grad for p in model.parameters())], before, strict=True):
        agrees(now, was)
    assert model.training == mode


@few
@given(lists(sampled_from([math.nan, math.inf]), max_size=3))
def test_without_a_best_there_is_nothing_to_restore(values):
    """Before the first improvement, restore raises RuntimeError."""
    assert refuses(RuntimeError, trained(values, nn.Linear(1, 1)).restore)


@few
@given(integers(0, 3))
def test_patience_is_five_by_default(more):
    """Without settings, lower is better, the fifth step without an improvement stops, and any gain is an improvement."""
    assert told([1.0, 1 - 2**-20] + [2.0] * (5 + more)) == [False] * 6 + [True] * (more + 1)


@few
@given(sampled_from([{"patience": 0}, {"patience": -1}, {"min_delta": -0.25}, {"min_delta": math.nan}]))
def test_impossible_settings_are_refused(setting):
    """A patience below 1 and a min_delta that is negative or NaN raise ValueError at construction."""
    assert refuses(ValueError, EarlyStopping, nn.Linear(1, 1), **setting)
