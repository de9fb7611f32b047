import math
import operator
from random import Random

import torch
from hypothesis import given, settings
from hypothesis.strategies import builds, floats, integers, sampled_from

from exercises.backprop.backprop import Value
from grader.kit import agrees, refuses, seeds

forbids = [
    "torch.autograd.grad", "torch.autograd.backward", "torch.Tensor.backward", "torch.func.grad", "torch.func.vjp",
    "torch.func.jvp", "torch.func.jacrev", "torch.func.jacfwd", "torch.func.grad_and_value",
    "torch.autograd.functional.jacobian", "torch.autograd.functional.vjp",
]  # fmt: skip

numbers = builds(lambda n: n / 4, integers(-12, 12))
others = builds(lambda n: n / 4, integers(1, 12) | integers(-12, -1))
positive = builds(lambda n: n / 4, integers(1, 12))
few = settings(max_examples=10)
very_few = settings(max_examples=5)


def data_and_gradients(function, *leaves):
    """What `function` makes of Values that hold `leaves`, and the gradient by each."""
    values = [Value(leaf) for leaf in leaves]
    result = function(*values)
    result.backward()
    return [result.data, *(value.grad for value in values)]


def by_torch(function, *leaves):
    """The same from torch's autograd, in float64."""
    tensors = [torch.tensor(leaf, dtype=torch.float64, requires_grad=True) for leaf in leaves]
    result = function(*tensors)
    found = torch.autograd.grad(result, tensors, allow_unused=True)
    return [result.item(), *(0.0 if gradient is None else gradient.item() for gradient in found)]


def is_right(function, *leaves):
    for got, expected in zip(data_and_gradients(function, *leaves), by_torch(function, *leaves), strict=True):
        agrees(got, expected)


STEPS = [
    operator.add,
    operator.sub,
    operator.mul,
    lambda a, b: a / (b * b + 1),
    lambda a, b: a.tanh() - b,
    lambda a, b: (a - b).relu(),
    lambda a, b: (a.tanh() - 2).exp() + b,
    lambda a, b: (a * a + 1).log(),
    lambda a, b: 0.5 - a,
    lambda a, b: a.tanh() ** 3,
]


def program(seed, leaves, steps=12):
    """The leaves and what a random sequence of `STEPS` makes of them, each of any two before it."""
    random, values = Random(seed), list(leaves)
    for _ in range(steps):
        values.append(random.choice(STEPS)(random.choice(values[-6:]), random.choice(values)))
    return values


@few
@given(numbers, others)
def test_the_data_are_what_floats_give(a, b):
    """Sums, differences, products, quotients and powers hold Python's own numbers."""
    for combine in (operator.add, operator.sub, operator.mul, operator.truediv):
        agrees(combine(Value(a), Value(b)).data, combine(a, b))
    agrees((Value(b) ** 2).data, b**2)
    agrees((-Value(a)).data, -a)


@few
@given(numbers, numbers)
def test_a_sum_hands_its_gradient_on(a, b):
    """Both terms of a sum have the derivative 1."""
    agrees(data_and_gradients(operator.add, a, b), [a + b, 1.0, 1.0])


@few
@given(numbers, numbers)
def test_a_difference_turns_the_sign(a, b):
    """In a - b, b has the derivative -1, and so has a in -a."""
    agrees(data_and_gradients(operator.sub, a, b), [a - b, 1.0, -1.0])
    agrees(data_and_gradients(operator.neg, a), [-a, -1.0])


@few
@given(numbers, numbers)
def test_a_factor_is_weighed_by_the_other(a, b):
    """In a · b, each factor has the other as its derivative."""
    agrees(data_and_gradients(operator.mul, a, b), [a * b, b, a])


@few
@given(numbers, others)
def test_the_quotient_rule_holds(a, b):
    """In a / b, a has the derivative 1 / b, and b has -a / b²."""
    is_right(operator.truediv, a, b)


@few
@given(positive, sampled_from([-2, -1, -0.5, 0.5, 1, 1.5, 2, 3.0]))
def test_the_power_rule_holds(a, n):
    """a ** n has the derivative n · a ** (n - 1), for negative and fractional n too."""
    is_right(lambda a: a**n, a)


@few
@given(sampled_from([-1.5, 0.0, 2.0]), sampled_from([0, 1, 2, 3, 0.0, 1.0]))
def test_whole_powers_take_any_base(a, n):
    """With a whole exponent the base may be negative or zero; a ** 0 is constant, with the derivative 0."""
    is_right(lambda a: a**n, a)


@few
@given(numbers)
def test_exp_is_its_own_derivative(a):
    """exp(a) has the derivative exp(a)."""
    is_right(lambda a: a.exp(), a)


@few
@given(positive)
def test_log_has_the_derivative_one_over_a(a):
    """log(a) has the derivative 1 / a."""
    is_right(lambda a: a.log(), a)


@few
@given(numbers)
def test_tanh_has_the_right_derivative(a):
    """tanh(a) has the derivative 1 - tanh(a)²."""
    is_right(lambda a: a.tanh(), a)


@very_few
@given(sampled_from([400.0, -400.0, 1e6, -1e6]))
def test_tanh_does_not_overflow(a):
    """Far from zero, tanh is 1 or -1 with the derivative 0."""
    got = data_and_gradients(lambda a: a.tanh(), a)
    agrees(got[0], math.copysign(1.0, a))
    agrees(got[1], 0.0)


@few
@given(others)
def test_relu_lets_through_what_is_positive(a):
    """relu(a) is a with the derivative 1 above zero, and 0 with the derivative 0 below."""
    is_right(lambda a: a.relu(), a)


@very_few
@given(sampled_from([0, 0.0, -0.0]))
def test_relu_rests_at_zero(a):
    """At zero, relu has the derivative 0."""
    agrees(data_and_gradients(lambda a: a.relu(), a)[1], 0.0)


@few
@given(others, sampled_from([3, -2, 0.5]))
def test_a_number_may_stand_on_either_side(a, n):
    """Numbers may stand left or right of each operator, and nothing is exchanged."""
    for function in (lambda a: n + a, lambda a: n - a, lambda a: n * a, lambda a: n / a):
        is_right(function, a)
    for function in (lambda a: a + n, lambda a: a - n, lambda a: a * n, lambda a: a / n):
        is_right(function, a)


@few
@given(others)
def test_every_use_counts(a):
    """A Value that stands on both sides gets the sum of both derivatives."""
    for function in (lambda a: a + a, lambda a: a - a, lambda a: a * a, lambda a: a / a, lambda a: a * 3 + a.tanh()):
        is_right(function, a)


@few
@given(numbers, integers(1, 6))
def test_ways_back_may_differ_in_length(a, length):
    """A Value sends its gradient on only when it has heard from all that was computed from it."""

    def function(a):
        shared = far = a * 2
        for _ in range(length):
            far = far * 0.5 + shared
        return shared + far * shared

    is_right(function, a)


@settings(max_examples=25)
@given(seeds)
def test_every_value_of_a_program_gets_its_derivative(seed):
    """In a random program, the leaves, all that lies between and the result get torch's gradients."""
    leaves = [Random(seed + 1).randint(-8, 8) / 4 for _ in range(3)]
    values = program(seed, [Value(leaf) for leaf in leaves])
    tensors = program(seed, [torch.tensor(leaf, dtype=torch.float64, requires_grad=True) for leaf in leaves])
    values[-1].backward()
    found = torch.autograd.grad(tensors[-1], tensors, allow_unused=True)
    for value, tensor, gradient in zip(values, tensors, found, strict=True):
        agrees(value.data, tensor.item())
        agrees(value.grad, 0.0 if gradient is None else gradient.item())


@few
@given(seeds, integers(2, 4))
def test_a_second_call_adds_the_same_again(seed, calls):
    """After n calls of backward, every gradient is n times what it was after one."""
    values = program(seed, [Value(0.75), Value(-1.25)])
    values[-1].backward()
    once = [value.grad for value in values]
    for _ in range(calls - 1):
        values[-1].backward()
    for value, gradient in zip(values, once, strict=True):
        agrees(value.grad, calls * gradient)


@few
@given(seeds)
def test_what_was_set_to_zero_starts_afresh(seed):
    """Where the caller sets the gradients of the leaves to 0, another call of backward finds the same again."""
    values = program(seed, leaves := [Value(0.75), Value(-1.25)])
    values[-1].backward()
    once = [leaf.grad for leaf in leaves]
    for leaf in leaves:
        leaf.grad = 0.0
    values[-1].backward()
    for leaf, gradient in zip(leaves, once, strict=True):
        agrees(leaf.grad, gradient)


@few
@given(seeds)
def test_results_that_share_parts_add_up(seed):
    """Two results, backward from one and then the other, leave the gradient of their sum."""
    values, apart = program(seed, [Value(0.75), Value(-1.25)]), program(seed, [Value(0.75), Value(-1.25)])
    (apart[-1] + apart[-2]).backward()
    values[-1].backward()
    values[-2].backward()
    for value, expected in zip(values[:2], apart[:2], strict=True):
        agrees(value.grad, expected.grad)


@few
@given(numbers, numbers)
def test_nothing_else_moves(a, b):
    """Operations and backward change no data, and no gradient of a Value that had no part in the result."""
    left, right, idle = Value(a), Value(b), Value(7.0)
    product, unused = left * right, left + idle
    agrees([v.grad for v in (left, right, idle, product, unused)], [0.0] * 5)
    product.backward()
    agrees([v.data for v in (left, right, idle, product, unused)], [a, b, 7.0, a * b, a + 7.0])
    agrees([idle.grad, unused.grad], [0.0, 0.0])


@very_few
@given(integers(-3, 3))
def test_whole_numbers_become_floats(n):
    """Made from ints, data and grad are floats, from the start and in every result."""
    a = Value(n)
    agrees([a.data, a.grad, (a + 1).data, (a * 2).data], [float(n), 0.0, n + 1.0, n * 2.0])
    assert [type(x) for v in (a, a + 1, a * 2, a**2, -a, 1 - a) for x in (v.data, v.grad)] == [float] * 12


@few
@given(seeds, integers(0, 5))
def test_sum_takes_a_list_of_values(seed, n):
    """Python's own sum, which starts from the number 0, adds up Values."""
    leaves = [Value(Random(seed + i).randint(-8, 8) / 4) for i in range(n + 1)]
    total = sum(leaves)
    total.backward()
    agrees([total.data, *(leaf.grad for leaf in leaves)], [math.fsum(leaf.data for leaf in leaves), *[1.0] * (n + 1)])


@few
@given(sampled_from(["2", None, [1.0], 1j]), sampled_from([operator.add, operator.sub, operator.mul, operator.truediv, pow]))
def test_what_is_no_number_is_refused(thing, combine):
    """Operators with anything but Values and numbers raise TypeError, and so does a Value as the exponent."""
    assert refuses(TypeError, combine, Value(2), thing)
    assert refuses(TypeError, pow, Value(2), Value(2))


@few
@given(sampled_from([0.0, -0.5, -3.0]), sampled_from([0.5, -0.5, 1.5]))
def test_what_has_no_result_is_refused(a, n):
    """A log or a fractional power of what is not positive raises ValueError, division by zero ZeroDivisionError."""
    assert refuses(ValueError, Value(a).log)
    assert refuses(ValueError, pow, Value(a), n)
    assert refuses(ZeroDivisionError, operator.truediv, Value(a), Value(0))
    assert refuses(ZeroDivisionError, operator.truediv, 1.0, Value(0))


@settings(max_examples=2)
@given(sampled_from([operator.add, operator.sub]))
def test_a_long_chain_is_no_trouble(combine):
    """5,000 operations in a row go backward like two."""
    a, b = Value(1.0), Value(0.5)
    end = a
    for _ in range(5_000):
        end = combine(end, b)
    end.backward()
    agrees([a.grad, abs(b.grad)], [1.0, 5_000.0])


@settings(max_examples=1)
@given(sampled_from([200]))
def test_shared_parts_are_gone_through_once(doublings):
    """200 doublings, through which 2²⁰⁰ ways lead, take no longer than 200 operations."""
    a = Value(1.0)
    end = a
    for _ in range(doublings):
        end = end + end
    end.backward()
    agrees(a.grad, 2.0**doublings)
