import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from torch import nn

from exercises.debug_decay.debug_decay import AdamW, groups
from grader.kit import agrees, quarters, seeds

forbids = []

few = settings(max_examples=10)
rates = sampled_from([0.01, 0.125])
decays = sampled_from([0.0, 0.1, 0.5])


class Net(nn.Module):
    """An embedding, a norm, and two linear layers, one of which shares its weight with the embedding and one is frozen."""

    def __init__(self):
        super().__init__()
        self.table, self.norm = nn.Embedding(5, 3), nn.LayerNorm(3)
        self.head, self.frozen = nn.Linear(3, 5), nn.Linear(3, 3)
        self.head.weight = self.table.weight
        self.frozen.requires_grad_(False)


def weight(value, gradient):
    parameter = nn.Parameter(value.clone())
    parameter.grad = gradient.clone()
    return parameter


def one_group(parameter, decay):
    return [{"params": [parameter], "weight_decay": decay}]


def by_definition(start, gradients, lr, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    """The brief's formulas, in float64, from sums over all gradients so far."""
    x = start.double()
    for t in range(1, len(gradients) + 1):
        weights = [(s, gradients[s - 1].double()) for s in range(1, t + 1)]
        m = sum((1 - beta1) * beta1 ** (t - s) * g for s, g in weights) / (1 - beta1**t)
        v = sum((1 - beta2) * beta2 ** (t - s) * g**2 for s, g in weights) / (1 - beta2**t)
        x = x - lr * decay * x - lr * m / (v.sqrt() + eps)
    return x.float()


@few
@given(decays)
def test_what_has_one_axis_does_not_decay(decay):
    """Biases and the scales of norms are in a group whose decay is zero."""
    model, found = Net(), groups(Net(), decay)
    shapes = [[tuple(p.shape) for p in group["params"]] for group in found]
    agrees(shapes[1], [tuple(p.shape) for p in (model.norm.weight, model.norm.bias, model.head.bias)])
    agrees(found[1]["weight_decay"], 0.0)


@few
@given(decays)
def test_matrices_decay(decay):
    """Weights with two or more axes, and they alone, are in the group with the decay that was asked for."""
    model = nn.Sequential(nn.Conv1d(2, 3, 4), nn.LayerNorm(3), nn.Linear(3, 2))
    first, second = groups(model, decay)
    assert [id(p) for p in first["params"]] == [id(model[0].weight), id(model[2].weight)]
    agrees((first["weight_decay"], len(second["params"])), (decay, 4))


def test_shared_parameters_come_once_and_frozen_ones_not_at_all():
    """Every parameter that is trained is in one group, once."""
    model = Net()
    found = [id(p) for group in groups(model, 0.1) for p in group["params"]]
    agrees(sorted(found), sorted(id(p) for p in model.parameters() if p.requires_grad))


@few
@given(seeds, rates, decays)
def test_a_weight_without_pull_shrinks_by_the_decay(seed, lr, decay):
    """Where the gradient is zero, a step multiplies the weight by 1 - lr · decay."""
    start = quarters(seed, 4)
    parameter = weight(start, torch.zeros(4))
    AdamW(one_group(parameter, decay), lr).step()
    agrees(parameter.detach(), start * (1 - lr * decay))


@few
@given(seeds, rates)
def test_the_first_step_is_as_long_as_the_rate(seed, lr):
    """Without decay the first step moves every entry by lr against the sign of its gradient, however large that is."""
    start, gradient = quarters(seed, 4), 10.0 * (quarters(seed + 1, 4) + 0.125)
    parameter = weight(start, gradient)
    AdamW(one_group(parameter, 0.0), lr).step()
    agrees(parameter.detach(), start - lr * gradient.sign())


@few
@given(seeds, integers(1, 6))
def test_a_steady_gradient_gives_steady_steps(seed, steps):
    """As long as the gradient stays the same, each step without decay is as long as the first."""
    start, gradient = quarters(seed, 4), quarters(seed + 1, 4) + 0.125
    parameter = weight(start, gradient)
    optimizer = AdamW(one_group(parameter, 0.0), 0.125)
    for _ in range(steps):
        optimizer.step()
    agrees(parameter.detach(), start - steps * 0.125 * gradient.sign(), atol=1e-4)


@few
@given(seeds, sampled_from([1.0, 4.0]))
def test_epsilon_stands_beside_the_root(seed, eps):
    """With a large eps the first step is lr · g / (|g| + eps)."""
    start, gradient = quarters(seed, 4), quarters(seed + 1, 4)
    parameter = weight(start, gradient)
    AdamW(one_group(parameter, 0.0), 0.125, eps=eps).step()
    agrees(parameter.detach(), start - 0.125 * gradient / (gradient.abs() + eps))


@given(seeds, integers(1, 5), rates, decays, sampled_from([(), (0.5, 0.75)]))
def test_steps_are_what_the_brief_says(seed, steps, lr, decay, betas):
    """Over several steps with gradients of all kinds the weights are those of the formulas."""
    start, gradients = quarters(seed, 4), [quarters(seed + t, 4) + 0.125 for t in range(1, steps + 1)]
    parameter = weight(start, gradients[0])
    optimizer = AdamW(one_group(parameter, decay), lr, *filter(None, [betas]))
    for gradient in gradients:
        parameter.grad.copy_(gradient)
        optimizer.step()
    agrees(parameter.detach(), by_definition(start, gradients, lr, decay, *betas), atol=1e-4)


@few
@given(seeds)
def test_gradients_and_what_has_none_stay(seed):
    """A step changes no gradient, and no parameter that has none."""
    first, second = weight(quarters(seed, 3), quarters(seed + 1, 3)), nn.Parameter(quarters(seed + 2, 3))
    AdamW([{"params": [first, second], "weight_decay": 0.5}], 0.125).step()
    agrees(first.grad, quarters(seed + 1, 3))
    agrees(second.detach(), quarters(seed + 2, 3))


@few
@given(seeds)
def test_parameters_do_not_share_their_moments(seed):
    """Two parameters step together as each would alone, in one group or in two."""
    values = [(quarters(seed + i, 3), quarters(seed + 9 + i, 3)) for i in (0, 1)]
    both, alone = ([weight(*pair) for pair in values] for _ in range(2))
    optimizers = [AdamW(one_group(both[0], 0.1) + one_group(both[1], 0.5), 0.1)]
    optimizers += [AdamW(one_group(p, decay), 0.1) for p, decay in zip(alone, (0.1, 0.5), strict=True)]
    for optimizer in optimizers * 2:
        optimizer.step()
    agrees(torch.cat([p.detach() for p in both]), torch.cat([p.detach() for p in alone]))


@few
@given(seeds, rates)
def test_the_rate_may_change_between_steps(seed, lr):
    """A rate that is set before a step counts in that step: with zero nothing moves."""
    parameter = weight(quarters(seed, 3), quarters(seed + 1, 3))
    optimizer = AdamW(one_group(parameter, 0.5), lr)
    optimizer.step()
    optimizer.lr, before = 0.0, parameter.detach().clone()
    optimizer.step()
    agrees(parameter.detach(), before)
