import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, composite, floats, integers, just, sampled_from
from torch import nn

from exercises.weight_decay.weight_decay import couple, decay, parameter_groups, penalty, shrink
from grader.kit import agrees, quarters, refuses, scattered, seeds

forbids = []

few = settings(max_examples=10)
coefficients = sampled_from([0.0, 0.25, 0.5, 1.5])
rates = sampled_from([0.125, 0.25, 0.5])
impossible = floats(max_value=0, exclude_max=True) | just(float("inf")) | just(float("nan"))
dtypes = sampled_from([torch.float64, torch.float16, torch.bfloat16])
STEPS = {  # each function that changes something, called with a rate and a coefficient
    "couple": lambda parameters, lr, c: couple(parameters, c, c),
    "decay": decay,
    "shrink": shrink,
}
steps = sampled_from(sorted(STEPS))


@composite
def weights(draw, dtype=torch.float32):
    """Parameters of several shapes, each with a gradient."""
    seed, n, m = draw(seeds), draw(integers(1, 4)), draw(integers(1, 4))
    return [learned(quarters(seed + i, *shape).to(dtype), seed - i) for i, shape in enumerate([(n, m), (m,), (), (2, 1, n)])]


def learned(values, seed):
    parameter = nn.Parameter(values)
    parameter.grad = quarters(abs(seed), *values.shape).to(values.dtype)
    return parameter


def twins(parameters):
    """The same parameters and gradients once more."""
    again = []
    for p in parameters:
        again.append(nn.Parameter(p.detach().clone()))
        again[-1].grad = p.grad.clone()
    return again


def copies(tensors):
    return [x.detach().clone() for x in tensors]


def all_agree(got, expected):
    for one, other in zip(got, expected, strict=True):
        agrees(one.detach(), other)


def entries(parameters):
    return [w for p in parameters for w in p.detach().flatten().tolist()]


@given(weights(), coefficients, coefficients)
def test_the_penalty_sums_over_all_entries(parameters, l1, l2):
    """The penalty is the sum of l1 * |w| + l2 / 2 * w * w over every entry of every parameter."""
    expected = sum(l1 * abs(w) + l2 / 2 * w * w for w in entries(parameters))
    agrees(penalty(parameters, l1, l2), torch.tensor(expected))


@few
@given(weights(), coefficients, coefficients)
def test_a_tensor_may_be_cut_in_two(parameters, l1, l2):
    """The penalty knows entries only: rows one by one have the same as their matrix."""
    agrees(penalty(parameters[0].split(1), l1, l2), penalty(parameters[:1], l1, l2))


@few
@given(weights(), coefficients, coefficients)
def test_the_penalty_has_the_gradient_of_decay(parameters, l1, l2):
    """By each entry w, the gradient of the penalty is l1 * sign(w) + l2 * w."""
    expected = [l1 * p.detach().sign() + l2 * p.detach() for p in parameters]
    all_agree(torch.autograd.grad(penalty(parameters, l1, l2), parameters), expected)


@few
@given(weights())
def test_without_coefficients_there_is_no_penalty(parameters):
    """Unless it is told otherwise, penalty is zero, as without any parameters, and couple leaves all gradients as they are."""
    before = copies(p.grad for p in parameters)
    couple(parameters)
    all_agree([p.grad for p in parameters], before)
    agrees(penalty(parameters).detach(), torch.tensor(0.0))
    agrees(penalty([], 0.5, 0.5), torch.tensor(0.0))


@few
@given(integers(300, 500), coefficients)
def test_half_precision_does_not_overflow(size, l1):
    """The penalty of float16 entries whose squares are beyond float16 is right, in float32."""
    parameters = [torch.full((size,), 300.0).half()]
    agrees(penalty(parameters, l1, 1.0), torch.tensor(size * (300 * l1 + 45_000.0)))


@few
@given(weights(dtype=torch.float64), coefficients)
def test_double_precision_stays(parameters, l2):
    """The penalty of float64 parameters is float64, and as precise."""
    parameters = [p / 3 for p in parameters]
    agrees(penalty(parameters, 0.1, l2), sum(0.1 * p.abs().sum() + l2 / 2 * (p * p).sum() for p in parameters), atol=1e-12)


@few
@given(weights(), coefficients, coefficients)
def test_coupling_is_the_penalty_in_the_gradient(parameters, l1, l2):
    """After couple, every gradient has grown by l1 * sign(w) + l2 * w."""
    expected = [p.grad + l1 * p.detach().sign() + l2 * p.detach() for p in parameters]
    couple(parameters, l1, l2)
    all_agree([p.grad for p in parameters], expected)


@few
@given(weights(), rates, coefficients)
def test_decay_shrinks_by_a_factor(parameters, lr, weight_decay):
    """After decay, every entry is 1 - lr * weight_decay times what it was."""
    expected = [p.detach() * (1 - lr * weight_decay) for p in parameters]
    decay(parameters, lr, weight_decay)
    all_agree(parameters, expected)


@few
@given(weights(), steps, rates, coefficients)
def test_a_step_changes_one_of_the_two(parameters, step, lr, coefficient):
    """couple leaves the parameters as they are; decay and shrink leave the gradients."""
    others = twins(parameters)
    STEPS[step](parameters, lr, coefficient)
    if step == "couple":
        all_agree(parameters, copies(others))
    else:
        all_agree([p.grad for p in parameters], [p.grad for p in others])


@few
@given(weights(), coefficients)
def test_without_a_rate_nothing_moves(parameters, coefficient):
    """At a rate of zero, as at the end of a schedule, decay and shrink leave the parameters as they are."""
    before = copies(parameters)
    decay(parameters, 0.0, coefficient)
    shrink(parameters, 0.0, coefficient)
    all_agree(parameters, before)


@few
@given(weights(), rates, coefficients)
def test_shrinking_moves_towards_zero(parameters, lr, l1):
    """After shrink, an entry is lr * l1 closer to zero, or zero."""
    expected = [p.detach().sign() * (p.detach().abs() - lr * l1).clamp(min=0) for p in parameters]
    shrink(parameters, lr, l1)
    all_agree(parameters, expected)


@few
@given(weights(), rates)
def test_shrinking_does_not_step_across_zero(parameters, lr):
    """After shrink, no entry has changed its sign, and those closer than the step are exactly zero."""
    before = copies(parameters)
    shrink(parameters, lr, 4.0)
    for now, then in zip(parameters, before, strict=True):
        assert (now * then >= 0).all()
        assert (now[then.abs() <= 4 * lr] == 0).all()


@few
@given(weights(), integers(0, 3), steps, rates)
def test_what_has_no_gradient_is_left_alone(parameters, which, step, lr):
    """A parameter whose gradient is None stays as it is, and the others change as they would without it."""
    others = twins(p for i, p in enumerate(parameters) if i != which)
    idle, before = parameters[which], parameters[which].detach().clone()
    idle.grad = None
    STEPS[step](parameters, lr, 0.5), STEPS[step](others, lr, 0.5)
    agrees(idle.detach(), before)
    del parameters[which]
    all_agree(parameters, copies(others)), all_agree([p.grad for p in parameters], [p.grad for p in others])


@few
@given(weights(), steps, rates)
def test_no_gradient_is_made_up(parameters, step, lr):
    """A gradient that is None is None afterwards."""
    for p in parameters:
        p.grad = None
    STEPS[step](parameters, lr, 0.5)
    assert [p.grad for p in parameters] == [None] * 4


@few
@given(weights(), steps, rates)
def test_steps_work_in_place(parameters, step, lr):
    """Whoever holds a parameter sees it change: it is the same tensor in the same memory, and still a leaf that learns."""
    places, views = [p.data_ptr() for p in parameters], [p.detach() for p in parameters]
    assert STEPS[step](parameters, lr, 0.5) is None
    assert [p.data_ptr() for p in parameters] == places
    all_agree(parameters, views)
    assert all(p.is_leaf and p.requires_grad for p in parameters)


@few
@given(weights(), steps, rates)
def test_generators_are_as_good_as_lists(parameters, step, lr):
    """Parameters from a generator, which can be walked once, are treated like those from a list."""
    others = twins(parameters)
    STEPS[step](parameters, lr, 0.5), STEPS[step]((p for p in others), lr, 0.5)
    all_agree(others, copies(parameters))
    all_agree([p.grad for p in others], [p.grad for p in parameters])
    agrees(penalty((p for p in others), 0.5, 0.5), penalty(parameters, 0.5, 0.5))


@few
@given(seeds, steps, dtypes)
def test_dtype_and_layout_do_not_matter(seed, step, dtype):
    """Parameters of other dtypes, in views with gaps, change as their float32 copies do."""
    values = quarters(seed, 3, 2)
    parameter, copy = (learned(x, seed) for x in (scattered(values.to(dtype)), values.clone()))
    STEPS[step]([parameter], 0.25, 0.5), STEPS[step]([copy], 0.25, 0.5)
    agrees(parameter.detach(), copy.detach().to(dtype))
    agrees(parameter.grad, copy.grad.to(dtype))


@composite
def models(draw):
    """Linear layers, a norm, a convolution and a lone scalar, some of them frozen, and two layers that share their weight."""
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 3, bias=False), nn.Linear(3, 3), nn.Conv1d(3, 2, 1))
    model[3].weight = model[2].weight
    model.scale = nn.Parameter(torch.ones(()))
    for parameter in model.parameters():
        parameter.requires_grad_(draw(booleans()))
    return model


def shown(parameters):
    return [tuple(p.shape) for p in parameters]


@few
@given(models(), coefficients)
def test_two_axes_decay_and_others_do_not(model, weight_decay):
    """The first group holds what has two or more axes, the second what has fewer, among what requires a gradient."""
    decaying, plain = parameter_groups(model, weight_decay)
    assert all(p.requires_grad and p.ndim >= 2 for p in decaying["params"]), shown(decaying["params"])
    assert all(p.requires_grad and p.ndim < 2 for p in plain["params"]), shown(plain["params"])


@few
@given(models())
def test_every_trainable_parameter_is_in_a_group(model):
    """Each parameter that requires a gradient is in a group, in the model's order."""
    found = [p for group in parameter_groups(model, 0.1) for p in dict.fromkeys(group["params"])]
    expected = [p for p in model.parameters() if p.requires_grad]
    agrees([id(p) for p in found if p.requires_grad], [id(p) for p in sorted(expected, key=lambda p: p.ndim < 2)])


@few
@given(models())
def test_no_parameter_is_in_a_group_twice(model):
    """A parameter that two layers share is there once."""
    found = [id(p) for group in parameter_groups(model, 0.1) for p in group["params"]]
    assert len(found) == len(set(found))


@few
@given(models(), coefficients)
def test_groups_say_what_decays_how_much(model, weight_decay):
    """The groups carry weight_decay and 0.0, and lists."""
    groups = parameter_groups(model, weight_decay)
    assert [group["weight_decay"] for group in groups] == [weight_decay, 0.0]
    assert all(type(group["params"]) is list and set(group) == {"params", "weight_decay"} for group in groups)


@few
@given(weights(), impossible, steps, booleans())
def test_impossible_numbers_are_refused(parameters, number, step, first):
    """A negative, infinite or NaN coefficient or rate is a ValueError, and nothing has changed."""
    before = copies(parameters), copies(p.grad for p in parameters)
    pair = (number, 0.5) if first else (0.5, number)
    function = {"couple": couple, "decay": decay, "shrink": shrink}[step]
    assert refuses(ValueError, function, parameters, *pair)
    all_agree(parameters, before[0]), all_agree([p.grad for p in parameters], before[1])
    assert refuses(ValueError, penalty, parameters, *pair)
    assert refuses(ValueError, parameter_groups, nn.Linear(1, 1), number)
