import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, composite, integers, sampled_from
from torch import nn

from exercises.gradient_descent.gradient_descent import SGD
from grader.kit import agrees, normal, quarters, refuses, seeds

forbids = ["torch.optim.SGD", "torch.optim.sgd.SGD", "torch.optim.sgd.sgd", "torch._fused_sgd_"]

rates = sampled_from([0.5, 0.25, 0.125])  # powers of two, so that steps of quarters stay exact
momenta = sampled_from([0.5, 0.25, 0.75])
exact = {"atol": 1e-12, "rtol": 1e-12}  # what float64 can do and float32 cannot
few = settings(max_examples=8)
very_few = settings(max_examples=4)


def trained(parameters, gradients, *arguments, **named):
    """The parameters after one step for each list of `gradients`, one gradient or None per parameter."""
    optimizer = SGD(parameters, *arguments, **named)
    for step in gradients:
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = None if gradient is None else gradient.clone()
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def by_hand(start, gradients, lr, momentum=0.0, nesterov=False):
    """One entry of a parameter, in plain numbers."""
    p, v = start, 0.0
    for g in gradients:
        v = momentum * v + g
        p = p - lr * (g + momentum * v if nesterov else v)
    return p


@composite
def runs(draw, steps=4):
    """A parameter [n] and its gradients [steps, n]."""
    n, seed = draw(integers(1, 4)), draw(seeds)
    return nn.Parameter(quarters(seed, n)), quarters(seed + 1, steps, n)


def follows(run, *arguments):
    """Whether every entry goes where `by_hand` goes."""
    parameter, gradients = run
    columns = zip(parameter.tolist(), gradients.T.tolist(), strict=True)
    expected = torch.tensor([by_hand(start, column, *arguments) for start, column in columns], dtype=parameter.dtype)
    bound = exact if parameter.dtype == torch.float64 else {}
    agrees(trained([parameter], [[gradient] for gradient in gradients], *arguments)[0], expected, **bound)


@few
@given(runs(), rates | sampled_from([0.0]))
def test_without_momentum_every_step_is_lr_times_the_gradient(run, lr):
    """By default, a step subtracts lr times the gradient."""
    follows(run, lr)


@few
@given(runs(), rates, momenta)
def test_momentum_sums_up_past_gradients(run, lr, momentum):
    """With momentum, v becomes μ v + g, and the step is lr v."""
    follows(run, lr, momentum)


@few
@given(runs(), rates, momenta)
def test_nesterov_goes_one_step_further(run, lr, momentum):
    """With nesterov, the step is lr (g + μ v), with the v that the same step has made."""
    follows(run, lr, momentum, True)


@few
@given(runs(1), rates, momenta)
def test_the_first_step_of_momentum_is_a_plain_one(run, lr, momentum):
    """Before there is a past, momentum changes nothing: the first step is lr times the gradient."""
    parameter, gradients = run
    before = parameter.detach().clone()
    agrees(trained([parameter], [[gradients[0]]], lr, momentum)[0], before - lr * gradients[0])


@few
@given(seeds, rates, momenta, booleans())
def test_a_constant_gradient_is_amplified(seed, lr, momentum, nesterov):
    """Under a constant gradient, the steps grow to lr / (1 - μ) times it."""
    p, gradient = nn.Parameter(torch.zeros(3).double()), quarters(seed, 3).double() / 7
    optimizer = SGD([p], lr, momentum, nesterov)
    for _ in range(130):  # 0.75 to that power is below what float64 can tell
        before, p.grad = p.detach().clone(), gradient.clone()
        optimizer.step()
    agrees(before - p.detach(), lr / (1 - momentum) * gradient, **exact)


@few
@given(seeds, momenta)
def test_nesterov_takes_its_gradient_where_momentum_leads(seed, momentum):
    """Between two steps, p stands at x + μ (x - last x), where each x is one plain step from the p before."""
    p, lr, curvature = nn.Parameter(normal(seed, 4).double()), 0.1, normal(seed + 1, 4).double().abs() + 0.1
    optimizer, last = SGD([p], lr, momentum, True), p.detach().clone()
    for _ in range(4):
        p.grad = curvature * p.detach()
        x = p.detach() - lr * p.grad
        optimizer.step()
        agrees(p.detach(), x + momentum * (x - last), **exact)
        last = x


@few
@given(runs(3), rates, momenta, booleans())
def test_a_new_rate_holds_for_the_whole_step(run, lr, momentum, nesterov):
    """A step at half of the rate is half as long, whatever rate the past had."""
    (parameter, gradients), ends = run, []
    for factor in (1.0, 0.5):
        p = nn.Parameter(parameter.detach().clone())
        optimizer = SGD([p], lr, momentum, nesterov)
        for gradient, optimizer.lr in zip(gradients, (lr, 2 * lr, factor * lr), strict=True):
            before, p.grad = p.detach().clone(), gradient.clone()
            optimizer.step()
        ends.append(before - p.detach())
    agrees(ends[1], ends[0] / 2)


@few
@given(seeds, rates, momenta, booleans())
def test_every_parameter_has_its_own_velocity(seed, lr, momentum, nesterov):
    """Parameters of different shapes, or alike, go where each would go alone."""
    shapes = [(2, 3), (), (2, 3), (0,), (1,)]
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    gradients = [[quarters(seed + 9 * step + i, *shape) for i, shape in enumerate(shapes)] for step in range(3)]
    alone = [trained([nn.Parameter(torch.zeros_like(p))], [[g[i]] for g in gradients], lr, momentum, nesterov)[0]
             for i, p in enumerate(parameters)]  # fmt: skip
    for got, expected in zip(trained(parameters, gradients, lr, momentum, nesterov), alone, strict=True):
        agrees(got, expected)


@few
@given(seeds, rates, momenta, booleans())
def test_a_parameter_without_a_gradient_stays(seed, lr, momentum, nesterov):
    """Where the gradient is None, the parameter stays, however fast it was before."""
    parameters = [nn.Parameter(quarters(seed + i, 3)) for i in range(2)]
    first, moved = [quarters(seed + 2, 3), quarters(seed + 3, 3)], quarters(seed + 4, 3)
    expected = trained([nn.Parameter(parameters[0].detach().clone())], [first[:1]], lr, momentum, nesterov)
    agrees(trained(parameters, [first, [None, moved], [None, moved]], lr, momentum, nesterov)[0], expected[0])


@few
@given(seeds, rates, momenta, booleans())
def test_a_velocity_rests_without_a_gradient(seed, lr, momentum, nesterov):
    """A step in which the gradient is None may as well be left out."""
    one, other = quarters(seed, 3), quarters(seed + 1, 3)
    ends = [trained([nn.Parameter(torch.zeros(3))], gradients, lr, momentum, nesterov)[0]
            for gradients in ([[one], [None], [None], [other]], [[one], [other]])]  # fmt: skip
    agrees(*ends)


@few
@given(runs(3), rates, momenta)
def test_a_generator_of_parameters_will_do(run, lr, momentum):
    """Given as a generator, the parameters are moved by every step, and forgotten by none."""
    parameter, gradients = run
    expected = trained([nn.Parameter(parameter.detach().clone())], [[gradient] for gradient in gradients], lr, momentum)[0]
    optimizer = SGD((p for p in [parameter]), lr, momentum)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        optimizer.zero_grad()
    assert parameter.grad is None
    agrees(parameter.detach(), expected)


@very_few
@given(runs(1), booleans())
def test_zero_grad_leaves_none(run, lists):
    """After zero_grad, every gradient is None."""
    parameter, gradients = run
    parameters = [parameter, nn.Parameter(torch.ones(2))]
    optimizer = SGD(parameters if lists else iter(parameters), 0.1)
    parameter.grad = gradients[0]
    optimizer.zero_grad()
    assert [p.grad for p in parameters] == [None, None]


@few
@given(runs(2), rates, momenta, booleans())
def test_the_gradients_survive(run, lr, momentum, nesterov):
    """A step modifies no gradient, the first step and the second."""
    parameter, gradients = run
    optimizer = SGD([parameter], lr, momentum, nesterov)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        agrees(parameter.grad, gradient)


@few
@given(runs(3), rates, momenta, booleans())
def test_a_gradient_may_be_overwritten_after_the_step(run, lr, momentum, nesterov):
    """Gradients that are written into one buffer lead to the same place as gradients in tensors of their own."""
    parameter, gradients = run
    expected = trained([nn.Parameter(parameter.detach().clone())], [[g] for g in gradients], lr, momentum, nesterov)[0]
    optimizer, parameter.grad = SGD([parameter], lr, momentum, nesterov), torch.zeros_like(parameter)
    for gradient in gradients:
        parameter.grad.copy_(gradient)
        optimizer.step()
    agrees(parameter.detach(), expected)


@few
@given(seeds, momenta, booleans())
def test_training_goes_on_through_autograd(seed, momentum, nesterov):
    """Parameters stay leaves that require a gradient, and the loss of a model falls from backward to backward."""
    layer, x = nn.Linear(3, 1), normal(seed, 8, 3)
    optimizer, losses = SGD(layer.parameters(), 0.02, momentum, nesterov), []
    for _ in range(4):
        loss = (layer(x) - x.sum(1, keepdim=True) - 8).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert all(p.is_leaf and p.requires_grad for p in layer.parameters())


@few
@given(seeds, rates, momenta, booleans(), sampled_from([torch.float64, torch.float16, torch.bfloat16]))
def test_the_dtype_is_kept(seed, lr, momentum, nesterov, dtype):
    """Parameters of every floating dtype keep it, beside others of another."""
    parameters = [nn.Parameter(quarters(seed, 3).to(kind)) for kind in (dtype, torch.float32)]
    gradients = [[quarters(seed + step, 3).to(p.dtype) for p in parameters] for step in range(3)]
    exact = trained([nn.Parameter(p.detach().double()) for p in parameters],
                    [[g.double() for g in step] for step in gradients], lr, momentum, nesterov)  # fmt: skip
    for got, expected in zip(trained(parameters, gradients, lr, momentum, nesterov), exact, strict=True):
        agrees(got, expected.to(got.dtype))


@few
@given(runs(), rates, momenta, booleans())
def test_double_precision_stays(run, lr, momentum, nesterov):
    """In float64, every step is right to the last digits."""
    parameter, gradients = run
    follows((nn.Parameter(parameter.detach().double() / 7), gradients.double() / 7), lr, momentum, nesterov)


@few
@given(seeds, rates, momenta, booleans())
def test_memory_layout_does_not_matter(seed, lr, momentum, nesterov):
    """A transposed parameter with gaps, or a gradient with some, is treated like any other."""
    base, gradients = quarters(seed, 6, 4), quarters(seed + 1, 3, 6, 4).transpose(1, 2)[:, ::2]
    plain = nn.Parameter(base.T[::2].contiguous())
    expected = trained([plain], [[g.contiguous()] for g in gradients], lr, momentum, nesterov)[0]
    view = base.clone().T[::2].requires_grad_()
    optimizer = SGD([view], lr, momentum, nesterov)
    for view.grad in gradients:
        optimizer.step()
    agrees(view.detach(), expected)


@few
@given(sampled_from([-0.1, math.inf, math.nan]), sampled_from([-0.1, 1.0, 1.5, math.nan]))
def test_impossible_arguments_are_refused(lr, momentum):
    """A rate that is negative or not finite, a momentum outside [0, 1), and nesterov without one raise ValueError."""
    p = [nn.Parameter(torch.zeros(2))]
    calls = [(p, lr), (p, 0.1, momentum), (p, 0.1, momentum, True), (p, 0.1, 0.0, True)]
    assert [refuses(ValueError, SGD, *call) for call in calls] == [True] * 4


@very_few
@given(sampled_from([[], (), iter([])]))
def test_nothing_to_train_is_refused(parameters):
    """No parameters at all raise ValueError."""
    assert refuses(ValueError, SGD, parameters, 0.1)
