import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, lists, sampled_from
from torch import nn

from exercises.debug_accumulation.debug_accumulation import accumulate, clip, rate, train
from grader.kit import agrees, normal, quarters, seeds, settled

forbids = []

few = settings(max_examples=10)
CLASSES, FEATURES = 4, 3


def drawn(seed):
    """A small classifier whose parameters follow from the seed."""
    return settled(nn.Linear(FEATURES, CLASSES), seed)


def batch(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return normal(seed, rows, FEATURES), torch.randint(CLASSES, (rows,), generator=generator)


@composite
def cuts(draw):
    """The lengths of the parts of a batch."""
    return draw(lists(integers(1, 4), min_size=1, max_size=4))


def in_parts(whole, lengths):
    return list(zip(*(side.split(lengths) for side in whole), strict=True))


def by_definition(model, inputs, targets):
    """The mean of -log p(target), differentiable."""
    return -model(inputs).log_softmax(-1)[torch.arange(len(targets)), targets].mean()


def gradients(model):
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def with_gradients(*values):
    """Parameters that have these gradients."""
    parameters = [nn.Parameter(torch.zeros_like(value)) for value in values]
    for parameter, value in zip(parameters, values, strict=True):
        parameter.grad = value.clone()
    return parameters


class Descent:
    """Plain gradient descent, which notes the rate of every step that it takes."""

    def __init__(self, model):
        self.param_groups, self.rates = [{"params": list(model.parameters()), "lr": 9.0}], []

    def step(self):
        self.rates.append(float(self.param_groups[0]["lr"]))
        for parameter in self.param_groups[0]["params"]:
            parameter.data -= self.rates[-1] * parameter.grad


@given(seeds, cuts())
def test_the_way_a_batch_is_cut_does_not_matter(seed, lengths):
    """The gradients of the parts together are those of the mean over all rows."""
    whole, model, other = batch(seed, sum(lengths)), drawn(seed), drawn(seed)
    by_definition(other, *whole).backward()
    accumulate(model, in_parts(whole, lengths))
    agrees(gradients(model), gradients(other))


@few
@given(seeds, cuts())
def test_the_mean_over_all_rows_is_returned(seed, lengths):
    """The result is the mean loss of all rows, not that of the parts' means."""
    whole, model = batch(seed, sum(lengths)), drawn(seed)
    agrees(accumulate(model, in_parts(whole, lengths)), by_definition(model, *whole).item(), rtol=1e-5)


@few
@given(seeds)
def test_equal_parts_weigh_no_more_than_one(seed):
    """A batch that comes twice has the gradient of one that comes once."""
    one, model, other = batch(seed, 3), drawn(seed), drawn(seed)
    accumulate(model, [one, one])
    accumulate(other, [one])
    agrees(gradients(model), gradients(other))


@few
@given(seeds, cuts())
def test_old_gradients_do_not_count(seed, lengths):
    """What stood in .grad before is gone."""
    parts, model, other = in_parts(batch(seed, sum(lengths)), lengths), drawn(seed), drawn(seed)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    accumulate(model, parts)
    accumulate(other, parts)
    agrees(gradients(model), gradients(other))


@few
@given(seeds, sampled_from([0.5, 1.0, 50.0]))
def test_all_parameters_share_one_factor(seed, most):
    """The whole gradient keeps its direction: each entry is multiplied by min(1, most / length)."""
    values = [quarters(seed, 2, 3) + 0.125, quarters(seed + 1, 4)]
    parameters, length = with_gradients(*values), torch.cat([value.flatten() for value in values]).norm()
    clip(parameters, most)
    for parameter, value in zip(parameters, values, strict=True):
        agrees(parameter.grad, value * min(1.0, most / float(length)))


@few
@given(seeds, integers(1, 4))
def test_no_step_is_longer_than_the_limit(seed, count):
    """Parameters of which each alone is within the limit may exceed it together, and do not afterwards."""
    parameters = with_gradients(*(torch.full((1,), 0.9) for _ in range(count)))
    clip(parameters, 1.0)
    agrees(torch.stack([parameter.grad for parameter in parameters]).norm(), torch.tensor(min(1.0, 0.9 * count**0.5)))


@few
@given(seeds, sampled_from([0.5, 100.0]))
def test_the_length_before_is_returned(seed, most):
    """Clipping returns the length that the gradient had; parameters without one are left alone."""
    value = quarters(seed, 5)
    parameters = [*with_gradients(value, 2 * value), nn.Parameter(value)]
    agrees(float(clip(parameters, most)), float(5**0.5 * value.norm()), rtol=1e-5)
    assert parameters[-1].grad is None


def test_a_gradient_of_zero_stays():
    """Where there is nothing to shorten, nothing becomes NaN."""
    (parameter,) = with_gradients(torch.zeros(3))
    agrees(float(clip([parameter], 1.0)), 0.0)
    agrees(parameter.grad, torch.zeros(3))


@few
@given(integers(1, 9), integers(1, 9))
def test_the_rate_is_two_straight_lines(warmup, rest):
    """Up to the peak at step warmup - 1, and from the peak at step warmup down to zero at the end."""
    up = [4.0 * (step + 1) / warmup for step in range(warmup)]
    down = [4.0 * (rest - step) / rest for step in range(rest)]
    for step, expected in enumerate(up + down):
        agrees(rate(step, 4.0, warmup, warmup + rest), expected)


@few
@given(seeds, integers(1, 3), integers(2, 4))
def test_the_schedule_counts_steps(seed, epochs, count):
    """Every step of every epoch has the rate that the schedule has for it."""
    model, total = drawn(seed), epochs * count
    optimizer, batches = Descent(model), [[batch(seed + i, 2)] for i in range(count)]
    train(model, optimizer, batches, epochs, 0.5, 1)
    agrees(torch.tensor(optimizer.rates), torch.tensor([rate(step, 0.5, 1, total) for step in range(total)]))


@few
@given(seeds, integers(1, 3), integers(2, 3))
def test_training_is_clipped_steps_one_after_the_other(seed, epochs, count):
    """Each step has a loss from before it, a gradient of length 1 at most, and the rate of the schedule."""
    model, other = drawn(seed), drawn(seed)
    batches = [in_parts(batch(seed + i, 3), [1, 2]) for i in range(count)]
    losses, expected, optimizer = train(model, Descent(model), batches, epochs, 0.5, 1), [], Descent(other)
    for step, parts in enumerate(batches * epochs):
        expected.append(accumulate(other, parts))
        clip(other.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = rate(step, 0.5, 1, epochs * count)
        optimizer.step()
    agrees(torch.tensor(losses), torch.tensor(expected))
    agrees(torch.cat([p.flatten() for p in model.parameters()]), torch.cat([p.flatten() for p in other.parameters()]))
