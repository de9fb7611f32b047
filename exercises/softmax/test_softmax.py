import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, integers, sampled_from

from exercises.softmax.softmax import softmax, softmax_jvp
from grader.kit import agrees, gradients, quarters, refuses, seeds, tensors

forbids = [
    "torch.softmax", "torch._softmax", "torch.special.softmax", "torch.Tensor.softmax", "torch.nn.functional.softmax",
    "torch.nn.Softmax", "torch.nn.Softmax2d", "torch.nn.functional.softmin", "torch.nn.Softmin",
    "torch.log_softmax", "torch._log_softmax", "torch.special.log_softmax", "torch.Tensor.log_softmax",
    "torch.nn.functional.log_softmax", "torch.nn.LogSoftmax", "torch.nn.functional.gumbel_softmax",
    "torch._softmax_backward_data", "torch.ops.aten._safe_softmax", "torch.ops.aten._masked_softmax",
    "torch.sparse.softmax", "torch.sparse.log_softmax",
]  # fmt: skip

temperatures = floats(0.25, 4)
dims = integers(-3, 2)
no_temperatures = floats(max_value=0) | sampled_from([math.inf, math.nan])
exact = {"atol": 1e-12, "rtol": 1e-12}  # what float64 can do and float32 cannot
dtypes = [(torch.float64, exact), (torch.float16, {}), (torch.bfloat16, {})]
few = settings(max_examples=10)
very_few = settings(max_examples=5)


def by_definition(x, temperature=1.0):
    """One slice, in plain numbers: right as long as its entries are small."""
    exponentials = [math.exp(entry / temperature) for entry in x.tolist()]
    return torch.tensor([exponential / sum(exponentials) for exponential in exponentials], dtype=x.dtype)


def jacobian(p, temperature=1.0):
    """∂p[i] / ∂x[j] for one slice, entry by entry."""
    shares = p.tolist()
    rows = [[a * ((i == j) - b) / temperature for j, b in enumerate(shares)] for i, a in enumerate(shares)]
    return torch.tensor(rows, dtype=p.dtype)


@few
@given(tensors("n"))
def test_it_is_each_exponential_over_their_sum(x):
    """At temperature 1, softmax(x)[i] is exp(x[i]) over the sum of all exponentials."""
    agrees(softmax(x), by_definition(x))


@few
@given(tensors("n"), temperatures)
def test_the_temperature_divides(x, temperature):
    """At any other temperature it is the softmax of x / temperature."""
    agrees(softmax(x, temperature=temperature), by_definition(x, temperature))


@few
@given(tensors("a b c"), dims)
def test_it_runs_along_the_axis_asked_for(x, dim):
    """Along any axis, counted from either end, every slice is a distribution of its own."""
    agrees(softmax(x, dim), torch.softmax(x, dim))


@few
@given(tensors("n d"), sampled_from([-60_000.0, 100.0, 60_000.0]))
def test_a_constant_changes_nothing(x, constant):
    """A number added to all entries changes nothing, even where its exponential is beyond the dtype."""
    agrees(softmax(x.double() + constant), torch.softmax(x.double(), -1))


@few
@given(tensors("n d"), seeds)
def test_every_slice_has_its_own_maximum(x, seed):
    """Slices that lie thousands apart leave one another alone."""
    apart = 4_000 * quarters(seed, len(x), 1)
    agrees(softmax(x.double() + apart), torch.softmax(x.double(), -1))


@few
@given(integers(1, 4), sampled_from([1_000.0, -1_000.0, 60_000.0]))
def test_a_low_temperature_does_not_overflow(n, entry):
    """In float16, n equal entries get 1 / n each, even where x / temperature is beyond the dtype."""
    agrees(softmax(torch.full((n,), entry).half(), temperature=0.01), torch.full((n,), 1 / n).half())


@few
@given(tensors("n d"))
def test_an_entry_of_minus_infinity_gets_nothing(x):
    """An entry of -inf gets exactly zero, and the others what they get without it."""
    with_it = torch.cat([torch.full((len(x), 1), -torch.inf), x], -1)
    agrees(softmax(with_it), torch.cat([torch.zeros(len(x), 1), torch.softmax(x, -1)], -1))


@few
@given(tensors("n d"))
def test_a_slice_without_possibilities_yields_zeros(x):
    """A slice of nothing but -inf yields zeros, and the other slices what they yield anyway."""
    with_it = torch.cat([torch.full((1, x.shape[1]), -torch.inf), x])
    agrees(softmax(with_it), torch.cat([torch.zeros(1, x.shape[1]), torch.softmax(x, -1)]))


@few
@given(tensors("n d"), seeds)
def test_a_slice_without_possibilities_sends_no_gradient(x, seed):
    """The gradient of a slice of nothing but -inf is zero, not NaN."""
    with_it = torch.cat([torch.full((1, x.shape[1]), -torch.inf), x]).requires_grad_()
    (gradient,) = gradients(softmax(with_it), with_it, seed=seed)
    agrees(gradient[0], torch.zeros_like(x[0]))


@few
@given(tensors("a b c"), dims, temperatures, seeds)
def test_the_gradient_is_right(x, dim, temperature, seed):
    """The gradient by x is that of the definition."""
    x.requires_grad_()
    right = torch.softmax(x / temperature, dim)
    agrees(gradients(softmax(x, dim, temperature), x, seed=seed)[0], gradients(right, x, seed=seed)[0])


@few
@given(tensors("... d"), temperatures)
def test_the_dtype_is_kept(x, temperature):
    """The result has the dtype of x, and nothing in between is coarser."""
    for dtype, bound in dtypes:
        agrees(softmax(x.to(dtype), -1, temperature), torch.softmax(x.double() / temperature, -1).to(dtype), **bound)


@settings(max_examples=2)
@given(integers(70_000, 100_000), sampled_from([torch.float16, torch.bfloat16]))
def test_a_large_vocabulary_fits_half_precision(n, dtype):
    """In half precision, n equal entries still sum to one, although n is beyond float16."""
    total = softmax(torch.zeros(n, dtype=dtype)).double().sum()
    agrees(total, torch.tensor(1.0, dtype=torch.float64), atol=0.05, rtol=0)  # 1 / n has few digits in float16


@few
@given(tensors("rows columns", longest=8), seeds)
def test_memory_layout_does_not_matter(x, seed):
    """Transposed views with gaps are treated like any other tensors."""
    x, v = x.T[::2], quarters(seed, *x.shape).T[::2]
    p = torch.softmax(x, -1)
    agrees(softmax(x), p)
    agrees(softmax_jvp(x.softmax(0).T, v.T), softmax_jvp(x.softmax(0).T.contiguous(), v.T.contiguous()))


@very_few
@given(sampled_from([(0, 3), (2, 0, 4), (1,), (1, 1)]))
def test_small_shapes_stay(shape):
    """A batch of none and a slice of one come back in their own shape, and a slice of one is certain."""
    agrees(softmax(torch.zeros(shape)), torch.full(shape, 1 / shape[-1]))


@few
@given(tensors("n d"), seeds)
def test_the_arguments_survive(x, seed):
    """The caller's tensors are not modified."""
    p, v = x.softmax(-1), quarters(seed, *x.shape)
    for function, arguments in ((softmax, [x]), (softmax_jvp, [p, v])):
        before = [argument.clone() for argument in arguments]
        function(*arguments)
        for now, then in zip(arguments, before, strict=True):
            agrees(now, then)


@few
@given(no_temperatures)
def test_an_impossible_temperature_is_refused(temperature):
    """A temperature that is not positive and finite raises ValueError, in both functions."""
    assert refuses(ValueError, softmax, torch.zeros(2), -1, temperature)
    assert refuses(ValueError, softmax_jvp, torch.ones(1), torch.ones(1), -1, temperature)


@few
@given(tensors("n"), seeds)
def test_the_product_is_that_with_the_jacobian(x, seed):
    """For one slice at temperature 1, it is the matrix with p[i] (δ[i, j] - p[j]) at i, j, times v."""
    p, v = by_definition(x), quarters(seed, *x.shape)
    agrees(softmax_jvp(p, v), jacobian(p) @ v)


@few
@given(tensors("n"), temperatures, seeds)
def test_a_higher_temperature_moves_less(x, temperature, seed):
    """At any other temperature, the Jacobian is divided by it."""
    p, v = by_definition(x, temperature), quarters(seed, *x.shape)
    agrees(softmax_jvp(p, v, temperature=temperature), jacobian(p, temperature) @ v)


@few
@given(tensors("a b c"), dims, seeds)
def test_the_product_runs_along_the_axis_asked_for(x, dim, seed):
    """Along any axis, it is what autograd makes of a softmax along that axis."""
    x.requires_grad_()
    (expected,) = gradients(torch.softmax(x, dim), x, seed=seed)
    agrees(softmax_jvp(torch.softmax(x, dim).detach(), quarters(seed, *x.shape), dim), expected)


@few
@given(tensors("n d"), floats(-8, 8))
def test_moving_all_entries_alike_moves_nothing(x, step):
    """Along a direction with equal entries the derivative is zero."""
    agrees(softmax_jvp(x.softmax(-1), torch.full_like(x, step)), torch.zeros_like(x))


@few
@given(tensors("n d"), seeds)
def test_the_product_keeps_the_dtype(x, seed):
    """The product has the dtype of p, and float64's values up to rounding."""
    for dtype, bound in dtypes:
        p, v = x.double().softmax(-1).to(dtype), quarters(seed, *x.shape).to(dtype)
        p64, v64 = p.double(), v.double()
        agrees(softmax_jvp(p, v), (p64 * (v64 - (p64 * v64).sum(-1, keepdim=True))).to(dtype), **bound)


@settings(max_examples=1)
@given(seeds)
def test_the_jacobian_is_never_built(seed):
    """A slice of a million entries is no trouble, where its Jacobian would take four terabytes."""
    p = torch.full((1_000_000,), 1e-6)
    v = torch.ones_like(p).index_fill_(0, torch.tensor([seed % len(p)]), 2.0)
    agrees(softmax_jvp(p, v) * 1e6, (v - 1) - 1e-6)
