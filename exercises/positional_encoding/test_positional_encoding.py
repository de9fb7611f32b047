import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from

from exercises.positional_encoding.positional_encoding import add_positions, positional_encoding, shift
from grader.kit import agrees, gradients, quarters, refuses, seeds, tensors

forbids = []

few = settings(max_examples=10)
widths = integers(1, 5).map(lambda pairs: 2 * pairs)
bases = sampled_from([100.0, 10_000.0, 500_000.0])
far = integers(100_000, 1_000_000)
dtypes = sampled_from([torch.float64, torch.float16, torch.bfloat16])
starts = integers(-20, 20)


def places(axes="..."):
    """Positions from -40 to 40."""
    return tensors(axes).map(lambda x: (20 * x).long())


def encoded(positions, d, base=10_000.0):
    """The definition, number by number, in float64."""
    rows = []
    for p in positions.reshape(-1).tolist():
        angles = [p / base ** (2 * i / d) for i in range(d // 2)]
        rows.append([f(angle) for angle in angles for f in (math.sin, math.cos)])
    return torch.tensor(rows, dtype=torch.float64).reshape(*positions.shape, d)


def added(x, start=0, base=10_000.0):
    """`x` plus what the submission's own encoding says: if that is wrong, it counts once."""
    return x + positional_encoding(torch.arange(start, start + x.shape[-2]), x.shape[-1], base, x.dtype)


@given(places(), widths, bases)
def test_every_entry_follows_the_definition(positions, d, base):
    """Columns 2i and 2i + 1 hold the sine and the cosine of position / base^(2i/d)."""
    agrees(positional_encoding(positions, d, base), encoded(positions, d, base).float())


@few
@given(places("n"), widths)
def test_the_base_is_ten_thousand_by_default(positions, d):
    """Without a base, it is 10,000."""
    agrees(positional_encoding(positions, d), positional_encoding(positions, d, 10_000.0))


@few
@given(widths, bases)
def test_position_zero_is_zeros_and_ones(d, base):
    """At position zero every sine is 0 and every cosine is 1, in turn."""
    agrees(positional_encoding(torch.tensor(0), d, base), torch.tensor([0.0, 1.0]).repeat(d // 2))


@few
@given(places("n"), widths, bases)
def test_every_pair_lies_on_the_unit_circle(positions, d, base):
    """The squares of columns 2i and 2i + 1 add up to one."""
    pairs = positional_encoding(positions, d, base).unflatten(-1, (d // 2, 2))
    agrees(pairs.square().sum(-1), torch.ones(len(positions), d // 2))


@few
@given(places("n"), widths, bases)
def test_the_first_pair_turns_by_one_radian_a_step(positions, d, base):
    """Columns 0 and 1 are the sine and the cosine of the position itself, whatever the width and the base."""
    agrees(positional_encoding(positions, d, base)[:, :2], encoded(positions, 2).float())


@few
@given(widths, bases)
def test_later_pairs_turn_more_slowly(d, base):
    """At position one, the sines are positive and fall from pair to pair."""
    sines = positional_encoding(torch.tensor(1), d, base)[0::2]
    assert (sines > 0).all()
    assert (sines.diff() < 0).all()


@few
@given(places("n"), widths)
def test_a_base_of_one_turns_all_pairs_alike(positions, d):
    """With base = 1, every pair is what the first one is."""
    y = positional_encoding(positions, d, 1.0)
    agrees(y, y[:, :2].repeat(1, d // 2))


@few
@given(places("n"), widths, bases)
def test_twice_the_width_has_the_old_pairs_among_its_own(positions, d, base):
    """Every other pair of an encoding that is twice as wide is a pair of the narrow one."""
    wide, narrow = positional_encoding(positions, 2 * d, base), positional_encoding(positions, d, base)
    agrees(wide.unflatten(-1, (d, 2))[:, ::2].flatten(1), narrow)


@few
@given(places("n"), starts, widths)
def test_similarity_depends_on_the_distance_alone(positions, offset, d):
    """The dot product of two encodings stays when both positions move by the same number."""
    one, other = positional_encoding(positions, d), positional_encoding(positions + offset, d)
    agrees(one @ one.T, other @ other.T)


@few
@given(far, widths, dtypes | sampled_from([torch.float32]))
def test_far_positions_are_exact(p, d, dtype):
    """At position 1,000,000 too, every column is as exact as its dtype can be."""
    positions = torch.tensor([p, p + 1])
    agrees(positional_encoding(positions, d, dtype=dtype), encoded(positions, d).to(dtype))


@few
@given(integers(300, 2_000), widths, dtypes)
def test_the_dtype_is_that_asked_for(p, d, dtype):
    """Positions in the hundreds and thousands come in the dtype that is asked for, rounded once."""
    positions = torch.tensor([p, p + 1])
    agrees(positional_encoding(positions, d, dtype=dtype), encoded(positions, d).to(dtype))


@few
@given(places("rows columns"), widths)
def test_positions_may_have_any_layout(positions, d):
    """Positions in int32, in a transposed view with gaps, are encoded like any other."""
    view = positions.int().T[::2]
    agrees(positional_encoding(view, d), encoded(view, d).float())


@few
@given(places("n"), widths)
def test_positions_survive(positions, d):
    """The caller's positions are not modified, and none at all give an empty encoding."""
    before = positions.clone()
    positional_encoding(positions, d)
    agrees(positions, before)
    agrees(positional_encoding(positions[:0], d), torch.zeros(0, d))


@few
@given(tensors("time pairs"), bases)
def test_a_sequence_gets_its_positions(half, base):
    """Row t of a sequence is moved by the encoding of position t."""
    x = half.repeat(1, 2)
    expected = added(x, base=base)
    agrees(add_positions(x, base=base), expected)


@given(tensors("... batch time pairs", longest=4))
def test_all_sequences_of_a_batch_get_the_same(half):
    """Positions run along the second last axis, and leading axes share them."""
    x = half.repeat_interleave(2, -1)
    expected = added(x)
    agrees(add_positions(x), expected)


@few
@given(tensors("time pairs"), starts, integers(0, 6))
def test_chunks_continue_where_the_last_one_ended(half, start, cut):
    """A sequence that is cut in two, the second part with its own start, gets what the whole gets."""
    x = half.repeat(1, 2)
    cut = min(cut, len(x))
    expected = added(x, start)
    agrees(torch.cat([add_positions(x[:cut], start), add_positions(x[cut:], start + cut)]), expected)


@few
@given(tensors("time pairs"), dtypes)
def test_the_sum_has_the_dtype_of_x(half, dtype):
    """x and its sum with the positions have the same dtype, and float64 loses nothing."""
    x = half.repeat(1, 2).to(dtype)
    expected = added(x, 300)
    agrees(add_positions(x, 300), expected)


@few
@given(tensors("time pairs"))
def test_x_survives(half):
    """x is not modified, in any layout."""
    x = half.repeat(1, 4)[:, ::2]
    before = x.clone()
    add_positions(x)
    agrees(x, before)


@few
@given(tensors("time pairs"))
def test_x_gets_the_gradient_of_the_sum(half):
    """What reaches the sum as a gradient reaches x unchanged."""
    x = half.repeat(1, 2).requires_grad_()
    agrees(gradients(add_positions(x), x)[0], quarters(0, *x.shape))


@given(places("n"), integers(-40, 40), widths, bases)
def test_the_shift_moves_every_position(positions, offset, d, base):
    """shift(offset) takes the encoding of p to that of p + offset, for every p."""
    before, after = positional_encoding(positions, d, base), positional_encoding(positions + offset, d, base)
    agrees(before @ shift(offset, d, base).T, after)


@few
@given(starts, starts, widths, bases)
def test_two_shifts_are_one(first, second, d, base):
    """Moving by a, then by b, is moving by a + b."""
    agrees(shift(second, d, base) @ shift(first, d, base), shift(first + second, d, base))


@few
@given(widths, bases)
def test_no_shift_changes_nothing(d, base):
    """A shift by zero is the identity."""
    agrees(shift(0, d, base), torch.eye(d))


@few
@given(far, widths, dtypes)
def test_far_shifts_are_exact(offset, d, dtype):
    """A shift by 1,000,000 too is as exact as its dtype can be, and an inverse of the shift back."""
    start, end = torch.tensor([0, offset])
    exact = shift(offset, d, dtype=torch.float64)
    agrees(exact @ encoded(start, d), encoded(end, d))
    agrees(shift(offset, d, dtype=dtype), exact.to(dtype))


@few
@given(integers(-3, 5).map(lambda n: 2 * n + 1) | sampled_from([0, -2]), seeds)
def test_widths_without_pairs_are_refused(d, seed):
    """An odd width, or one below two, raises ValueError in all three functions."""
    assert refuses(ValueError, positional_encoding, torch.arange(3), d)
    assert refuses(ValueError, add_positions, quarters(seed, 3, max(d, 0)))
    assert refuses(ValueError, shift, 1, d)
