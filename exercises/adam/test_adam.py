import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, floats, integers, sampled_from
from torch import nn

from exercises.adam.adam import Adam, AdamW
from grader.kit import agrees, normal, quarters, refuses, seeds

forbids = [
    "torch.optim.Adam", "torch.optim.AdamW", "torch.optim.NAdam", "torch.optim.RAdam", "torch.optim.Adamax",
    "torch.optim.SparseAdam", "torch.optim.adam.adam", "torch.optim.adamw.adamw", "torch.optim.nadam.nadam",
    "torch.optim.radam.radam", "torch.optim.adamax.adamax", "torch._fused_adam_", "torch._fused_adamw_",
]  # fmt: skip

both = sampled_from([Adam, AdamW])
rates = floats(0.01, 0.5)
decays = floats(0.1, 0.9)
beta_pairs = sampled_from([(0.9, 0.999), (0.5, 0.75), (0.0, 0.9), (0.75, 0.5)])
exact = {"atol": 1e-12, "rtol": 1e-12}  # what float64 can do and float32 cannot
TINY = 1e-15  # an eps that does not show
few = settings(max_examples=8)


def leaf(x):
    return nn.Parameter(x.detach().clone())


def trained(optimizer, gradients):
    """The parameters after one step for each list of `gradients`, one gradient or None per parameter."""
    build, parameters, *arguments = optimizer
    optimizer = build(parameters, *arguments)
    for step in gradients:
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = None if gradient is None else gradient.clone()
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def by_hand(p, gradients, lr, betas, eps, l2=0.0, decoupled=0.0):
    """One entry of a parameter, in plain numbers."""
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = g + l2 * p
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
        corrected = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        p = p - lr * decoupled * p - lr * corrected[0] / (math.sqrt(corrected[1]) + eps)
    return p


@composite
def runs(draw, steps=5):
    """A float64 parameter [n] and its gradients [steps, n]."""
    n, seed = draw(integers(1, 4)), draw(seeds)
    return nn.Parameter(quarters(seed, n).double()), quarters(seed + 1, steps, n).double()


def follows(optimizer, gradients, lr, betas, eps, **decay):
    """Whether every entry goes where `by_hand` goes."""
    columns = zip(optimizer[1][0].tolist(), gradients.T.tolist(), strict=True)
    expected = torch.tensor([by_hand(*column, lr, betas, eps, **decay) for column in columns], dtype=torch.float64)
    agrees(trained(optimizer, [[gradient] for gradient in gradients])[0], expected, **exact)


@few
@given(both, rates, beta_pairs, sampled_from([1e-6, 1.0, 1e6]), seeds)
def test_the_first_step_is_lr_whatever_the_gradient(build, lr, betas, scale, seed):
    """The first step has the length lr in every entry, against the sign of the gradient, however large that is."""
    gradient = scale * (quarters(seed, 3).abs() + 0.25) * torch.tensor([1, -1, 1])
    (moved,) = trained((build, [nn.Parameter(torch.zeros(3))], lr, betas, TINY, 0.0), [[gradient]])
    agrees(moved, -lr * gradient.sign())


@few
@given(runs(), both, rates, beta_pairs, sampled_from([1e-4, 1e4]))
def test_the_scale_of_the_loss_does_not_matter(run, build, lr, betas, scale):
    """Multiplying every gradient by one number changes no step."""
    parameter, gradients = run
    ends = [trained((build, [leaf(parameter)], lr, betas, TINY, 0.0), [[factor * (g + 3)] for g in gradients])[0]
            for factor in (1.0, scale)]  # fmt: skip
    agrees(*ends)


@few
@given(both, rates, floats(0.25, 0.95), seeds)
def test_the_mean_knows_no_start(build, lr, beta, seed):
    """Without memory of squares, every step along a constant gradient has the length lr."""
    p, gradient = nn.Parameter(torch.zeros(3).double()), quarters(seed, 3).double().abs() + 0.25
    (end,) = trained((build, [p], lr, (beta, 0.0), TINY, 0.0), [[gradient]] * 5)
    agrees(end, torch.full((3,), -5 * lr).double())


@few
@given(both, rates, floats(0.25, 0.95), seeds)
def test_the_square_knows_no_start(build, lr, beta, seed):
    """Without memory of gradients, every step along a constant gradient has the length lr."""
    p, gradient = nn.Parameter(torch.zeros(3).double()), quarters(seed, 3).double().abs() + 0.25
    (end,) = trained((build, [p], lr, (0.0, beta), TINY, 0.0), [[gradient]] * 5)
    agrees(end, torch.full((3,), -5 * lr).double())


@few
@given(runs(), both, rates, beta_pairs)
def test_the_averages_follow_their_definition(run, build, lr, betas):
    """Without decay, both classes take Kingma and Ba's steps."""
    parameter, gradients = run
    follows((build, [parameter], lr, betas, 1e-3, 0.0), gradients, lr, betas, 1e-3)


@few
@given(both, rates, beta_pairs, floats(0.25, 4), seeds)
def test_eps_is_added_to_the_root(build, lr, betas, eps, seed):
    """The first step is lr g / (|g| + eps), also where eps is as large as g."""
    gradient = quarters(seed, 3).double()
    (moved,) = trained((build, [nn.Parameter(torch.zeros(3).double())], lr, betas, eps, 0.0), [[gradient]])
    agrees(moved, -lr * gradient / (gradient.abs() + eps))


@few
@given(runs(), rates, beta_pairs, decays)
def test_adam_decays_through_the_gradient(run, lr, betas, decay):
    """With weight_decay, Adam goes where it goes with weight_decay · p added to every gradient."""
    parameter, gradients = run
    follows((Adam, [parameter], lr, betas, 1e-3, decay), gradients, lr, betas, 1e-3, l2=decay)


@few
@given(runs(), rates, beta_pairs, decays)
def test_adamw_decays_past_the_gradient(run, lr, betas, decay):
    """With weight_decay, an AdamW step adds -lr · weight_decay times the old p to the step of Adam without decay."""
    parameter, gradients = run
    follows((AdamW, [parameter], lr, betas, 1e-3, decay), gradients, lr, betas, 1e-3, decoupled=decay)


@few
@given(seeds, rates, decays)
def test_without_a_pull_adamw_only_shrinks(seed, lr, decay):
    """Where the gradient is zero, an AdamW step multiplies p by 1 - lr · weight_decay."""
    start = quarters(seed, 3)
    (end,) = trained((AdamW, [leaf(start)], lr, (0.9, 0.999), 1e-8, decay), [[torch.zeros(3)]])
    agrees(end, start * (1 - lr * decay))


@few
@given(seeds)
def test_the_defaults_are_the_usual_ones(seed):
    """lr is 0.001, the betas 0.9 and 0.999, eps 1e-8; Adam has no weight_decay, AdamW 0.01."""
    start, gradients = quarters(seed, 3).double(), 1e-7 * quarters(seed + 1, 3, 3).double()
    for build, decay in ((Adam, 0.0), (AdamW, 0.01)):
        expected = trained((build, [leaf(start)], 1e-3, (0.9, 0.999), 1e-8, decay), [[g] for g in gradients])
        agrees(trained((build, [leaf(start)]), [[g] for g in gradients])[0], expected[0], **exact)


@few
@given(runs(3), both, rates, decays)
def test_a_new_rate_holds_for_the_whole_step(run, build, lr, decay):
    """A step at half of the rate is half as long, decay included, whatever rate the past had."""
    (parameter, gradients), ends = run, []
    for last in (lr, lr / 2):
        p = leaf(parameter)
        optimizer = build([p], lr, weight_decay=decay)
        for gradient, optimizer.lr in zip(gradients, (lr, lr, last), strict=True):
            before, p.grad = p.detach().clone(), gradient.clone()
            optimizer.step()
        ends.append(before - p.detach())
    agrees(ends[1], ends[0] / 2)


@few
@given(seeds, both, rates, decays)
def test_every_parameter_has_moments_of_its_own(seed, build, lr, decay):
    """Parameters of different shapes, or alike, go where each would go alone."""
    shapes = [(2, 3), (), (2, 3), (0,), (1,)]
    starts = [quarters(seed + i, *shape) for i, shape in enumerate(shapes)]
    gradients = [[quarters(seed + 9 * step + i, *shape) for i, shape in enumerate(shapes)] for step in range(1, 4)]
    together = trained((build, [leaf(p) for p in starts], lr, (0.5, 0.75), 1e-3, decay), gradients)
    for i, end in enumerate(together):
        agrees(end, trained((build, [leaf(starts[i])], lr, (0.5, 0.75), 1e-3, decay), [[g[i]] for g in gradients])[0])


@few
@given(seeds, both, rates)
def test_a_parameter_without_a_gradient_stays(seed, build, lr):
    """Where the gradient is None, the parameter does not move, however fast it was before."""
    starts, gradients = quarters(seed, 2, 3), quarters(seed + 1, 2, 3)
    (expected,) = trained((build, [leaf(starts[0])], lr, (0.9, 0.999), 1e-8, 0.0), [[gradients[0]]])
    run = [list(gradients), [None, gradients[1]], [None, gradients[1]]]
    agrees(trained((build, [leaf(p) for p in starts], lr, (0.9, 0.999), 1e-8, 0.0), run)[0], expected)


@few
@given(seeds, both, rates, decays)
def test_a_parameter_without_a_gradient_does_not_decay(seed, build, lr, decay):
    """Where the gradient is None, weight_decay leaves the parameter alone."""
    starts, gradient = quarters(seed, 2, 3), quarters(seed + 1, 3)
    agrees(trained((build, [leaf(p) for p in starts], lr, (0.9, 0.999), 1e-8, decay), [[None, gradient]])[0], starts[0])


@few
@given(seeds, both, rates)
def test_time_rests_without_a_gradient(seed, build, lr):
    """A step in which the gradient is None may as well be left out, the first as well as a later one."""
    start, one, other = (quarters(seed + i, 3) for i in range(3))
    ends = [trained((build, [leaf(start)], lr, (0.9, 0.999), 1e-8, 0.0), run)[0]
            for run in ([[None], [one], [None], [None], [other]], [[one], [other]])]  # fmt: skip
    agrees(*ends)


@few
@given(runs(3), both, rates)
def test_a_generator_of_parameters_will_do(run, build, lr):
    """Given as a generator, the parameters are moved by every step."""
    parameter, gradients = run
    (expected,) = trained((build, [leaf(parameter)], lr), [[gradient] for gradient in gradients])
    optimizer = build((p for p in [parameter]), lr)
    for parameter.grad in gradients:
        optimizer.step()
    agrees(parameter.detach(), expected)


@settings(max_examples=4)
@given(runs(1), both)
def test_zero_grad_leaves_none(run, build):
    """After zero_grad, every gradient is None."""
    (parameter, gradients), other = run, nn.Parameter(torch.ones(2))
    for parameters in ([parameter, other], iter([parameter, other])):
        optimizer, parameter.grad = build(parameters), gradients[0]
        optimizer.zero_grad()
        assert (parameter.grad, other.grad) == (None, None)


@few
@given(runs(3), both, rates, decays)
def test_the_gradients_survive(run, build, lr, decay):
    """A step modifies no gradient, and the caller may overwrite one afterwards."""
    parameter, gradients = run
    (expected,) = trained((build, [leaf(parameter)], lr, (0.5, 0.75), 1e-3, decay), [[g] for g in gradients])
    optimizer, parameter.grad = build([parameter], lr, (0.5, 0.75), 1e-3, decay), torch.zeros_like(parameter)
    for gradient in gradients:
        parameter.grad.copy_(gradient)
        optimizer.step()
        agrees(parameter.grad, gradient)
    agrees(parameter.detach(), expected)


@few
@given(seeds, both)
def test_training_goes_on_through_autograd(seed, build):
    """Parameters stay leaves that require a gradient, and the loss of a model falls from step to step."""
    layer, x = nn.Linear(3, 1), normal(seed, 8, 3)
    optimizer, losses = build(layer.parameters(), 0.01), []
    for _ in range(4):
        loss = (layer(x) - x.sum(1, keepdim=True) - 8).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert all(p.is_leaf and p.requires_grad for p in layer.parameters())


@few
@given(seeds, both, sampled_from([torch.float64, torch.float16, torch.bfloat16]))
def test_the_dtype_is_kept(seed, build, dtype):
    """Parameters of every floating dtype keep it, and go where float64 goes, up to rounding."""
    start, gradients = quarters(seed, 3).to(dtype), quarters(seed + 1, 3, 3).to(dtype)
    (got,) = trained((build, [leaf(start)], 0.25, (0.5, 0.75), 1e-3, 0.5), [[g] for g in gradients])
    (exactly,) = trained((build, [leaf(start.double())], 0.25, (0.5, 0.75), 1e-3, 0.5), [[g.double()] for g in gradients])
    agrees(got, exactly.to(dtype))


@few
@given(seeds, both, rates)
def test_double_precision_stays(seed, build, lr):
    """In float64, three steps along a constant gradient are three times lr g / (|g| + eps), to the last digits."""
    p, gradient = nn.Parameter(torch.zeros(3).double()), normal(seed, 3).double() / 3
    (end,) = trained((build, [p], lr, (0.9, 0.99), 1.0, 0.0), [[gradient]] * 3)
    agrees(end, -3 * lr * gradient / (gradient.abs() + 1), **exact)


@few
@given(both, sampled_from([1e-4, 3e-4, 1e-3]), seeds)
def test_small_gradients_count_in_float16(build, scale, seed):
    """The first step has the length lr in float16 too, where the square of a small gradient would be zero."""
    gradient = (scale * (quarters(seed, 3).abs() + 0.25)).half()
    (moved,) = trained((build, [nn.Parameter(torch.zeros(3).half())], 0.5, (0.9, 0.999), 1e-8, 0.0), [[gradient]])
    agrees(moved, torch.full((3,), -0.5).half())


@settings(max_examples=4)
@given(both, floats(4, 16), sampled_from([(0.0, 0.999), (0.999, 0.0)]))
def test_bfloat16_forgets_too(build, size, betas):
    """After one large gradient and 200 zeros, the averages of a bfloat16 parameter have faded as in float64."""
    ends = []
    for dtype in (torch.bfloat16, torch.float64):
        p = nn.Parameter(torch.zeros(1, dtype=dtype))
        optimizer = build([p], 0.0, betas, 1e-8, 0.0)
        for gradient, optimizer.lr in [(size, 0.0), *[(0.0, 0.0)] * 200, (0.25, 16.0)]:
            p.grad = torch.full_like(p, gradient)
            optimizer.step()
        ends.append(p.detach().double())
    agrees(*ends, atol=0, rtol=0.03)


@few
@given(seeds, both)
def test_memory_layout_does_not_matter(seed, build):
    """A transposed parameter with gaps, or a gradient with some, is treated like any other."""
    base, gradients = quarters(seed, 6, 4), quarters(seed + 1, 3, 6, 4).transpose(1, 2)[:, ::2]
    (expected,) = trained((build, [nn.Parameter(base.T[::2].contiguous())]), [[g.contiguous()] for g in gradients])
    view = base.clone().T[::2].requires_grad_()
    optimizer = build([view])
    for view.grad in gradients:
        optimizer.step()
    agrees(view.detach(), expected)


@few
@given(
    both, sampled_from([-0.1, math.inf, math.nan]), sampled_from([-0.1, 1.0, math.nan]), sampled_from([0.0, math.inf, math.nan])
)
def test_impossible_arguments_are_refused(build, rate, beta, eps):
    """No parameters, and an lr, weight_decay, beta or eps outside its range, raise ValueError."""
    p = [nn.Parameter(torch.zeros(2))]
    calls = [
        (p, rate),
        (p, 0.1, (beta, 0.9)),
        (p, 0.1, (0.9, beta)),
        (p, 0.1, (0.9, 0.9), eps),
        (p, 0.1, (0.9, 0.9), 0.1, rate),
    ]
    assert [refuses(ValueError, build, *call) for call in [*calls, ([],), (iter([]),)]] == [True] * 7
