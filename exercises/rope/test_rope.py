import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, composite, integers, sampled_from

from exercises.rope.rope import from_interleaved, rotate
from grader.kit import agrees, gradients, quarters, refuses, seeds

forbids = []

few = settings(max_examples=10)
bases = sampled_from([100.0, 10_000.0, 500_000.0])
far = integers(100_000, 1_000_000)
dtypes = sampled_from([torch.float64, torch.float16, torch.bfloat16])
places = integers(-40, 40)
sizes = integers(1, 3)


@composite
def rows(draw, *leading, shortest=1):
    """x [*leading, time, d] and positions [time]."""
    time, pairs, seed = draw(integers(shortest, 4)), draw(integers(1, 4)), draw(seeds)
    return quarters(seed, *leading, time, 2 * pairs), (20 * quarters(seed + 1, time)).long()


@composite
def projections(draw, shape=(3,)):
    """The weight of a projection [heads * d, *shape], and the number of heads."""
    heads, pairs = draw(sizes), draw(sizes)
    return quarters(draw(seeds), heads * 2 * pairs, *shape), heads


def turned(x, positions, base=10_000.0, neighbours=False):
    """The definition, number by number, in float64; the pairs are halves, or neighbours where asked for."""
    d, new = x.shape[-1], []
    places = positions.expand(x.shape[:-1]).reshape(-1).tolist()
    for p, row in zip(places, x.reshape(-1, d).tolist(), strict=True):
        for i in range(d // 2):
            one, other = (2 * i, 2 * i + 1) if neighbours else (i, i + d // 2)
            cos, sin = math.cos(p / base ** (2 * i / d)), math.sin(p / base ** (2 * i / d))
            row[one], row[other] = row[one] * cos - row[other] * sin, row[one] * sin + row[other] * cos
        new.append(row)
    return torch.tensor(new, dtype=torch.float64).reshape(x.shape)


def at(p):
    return torch.tensor([p])


@given(rows(), bases)
def test_every_entry_follows_the_definition(case, base):
    """Columns i and i + d/2 turn by position / base^(2i/d)."""
    x, positions = case
    agrees(rotate(x, positions, base), turned(x, positions, base).float())


@few
@given(rows())
def test_the_base_is_ten_thousand_by_default(case):
    """Without a base, it is 10,000."""
    agrees(rotate(*case), rotate(*case, 10_000.0))


@few
@given(rows(), bases)
def test_nothing_turns_at_position_zero(case, base):
    """At position zero, x comes back."""
    x, positions = case
    agrees(rotate(x, 0 * positions, base), x)


@few
@given(rows(), bases)
def test_lengths_are_kept(case, base):
    """A rotation leaves the length of every row as it was."""
    x, positions = case
    agrees(rotate(x, positions, base).square().sum(-1), x.square().sum(-1), 1e-4, 1e-4)


@few
@given(places)
def test_a_turn_goes_from_the_first_half_to_the_second(p):
    """With d = 2, the row (1, 0) at position p becomes (cos p, sin p)."""
    agrees(rotate(torch.tensor([[1.0, 0.0]]), at(p)), torch.tensor([[math.cos(p), math.sin(p)]]))


@few
@given(integers(2, 5), integers(0, 4), places)
def test_a_column_mixes_with_the_one_half_the_width_away(half, i, p):
    """A row that holds a single number at column i has nothing but zeros outside columns i and i + d/2 afterwards."""
    i = i % half
    y = rotate(torch.eye(2 * half)[i : i + 1], at(p))[0]
    agrees(y.square()[[i, i + half]].sum(), y.square().sum())


@few
@given(integers(2, 5), bases)
def test_later_pairs_turn_more_slowly(pairs, base):
    """At position one, the angles are positive and fall from pair to pair."""
    cos, sin = rotate(torch.cat([torch.ones(1, pairs), torch.zeros(1, pairs)], -1), at(1), base)[0].chunk(2)
    angles = torch.atan2(sin, cos)
    assert (angles > 0).all()
    assert (angles.diff() < 0).all()


@few
@given(rows())
def test_a_base_of_one_turns_all_pairs_alike(case):
    """With base = 1 every pair turns by the position itself, as the first one does."""
    x, positions = case
    pairs = x.unflatten(-1, (2, -1)).movedim(-1, 0).flatten(-1)
    agrees(rotate(x, positions, 1.0).unflatten(-1, (2, -1)).movedim(-1, 0), rotate(pairs, positions))


@given(seeds, integers(1, 4), places, places, places)
def test_scores_depend_on_the_distance_alone(seed, pairs, m, n, s):
    """A query at m and a key at n have the product that they have at m + s and n + s."""
    q, k = quarters(seed, 2, 1, 2 * pairs)
    agrees(rotate(q, at(m)) @ rotate(k, at(n)).T, rotate(q, at(m + s)) @ rotate(k, at(n + s)).T, 1e-4, 1e-4)


@few
@given(rows(), places)
def test_two_turns_are_one(case, p):
    """Turning by the angles of p, then by those of r, is turning by those of p + r."""
    x, positions = case
    agrees(rotate(rotate(x, positions), positions * 0 + p), rotate(x, positions + p))


@few
@given(rows(shortest=2))
def test_rows_follow_their_positions_and_not_their_order(case):
    """Rows in another order, with their positions, are turned as before."""
    x, positions = case
    agrees(rotate(x.flip(0), positions.flip(0)), rotate(x, positions).flip(0))


@given(rows(2, 3))
def test_one_row_of_positions_serves_all(case):
    """Positions [time] hold for every sequence and every head."""
    x, positions = case
    expected = torch.stack([torch.stack([rotate(head, positions) for head in heads]) for heads in x])
    agrees(rotate(x, positions), expected)


@few
@given(rows(2, 3), seeds)
def test_every_sequence_may_have_its_positions(case, seed):
    """Positions [batch, 1, time] give each sequence its own, for all of its heads."""
    x, _ = case
    positions = (20 * quarters(seed, 2, 1, x.shape[-2])).long()
    agrees(rotate(x, positions), torch.stack([rotate(heads, own[0]) for heads, own in zip(x, positions, strict=True)]))


@few
@given(rows(), far)
def test_far_positions_are_exact(case, p):
    """At position 1,000,000 too, every column is as exact as float32 can be."""
    x, positions = case
    agrees(rotate(x, positions + p), turned(x, positions + p).float())


@few
@given(rows(), integers(300, 2_000), dtypes)
def test_the_dtype_is_that_of_x(case, p, dtype):
    """The result has the dtype of x, and positions in the thousands are still told apart in it."""
    x, positions = case[0].to(dtype), case[1] + p
    agrees(rotate(x, positions), turned(x, positions).to(dtype))


@few
@given(rows(3))
def test_memory_layout_does_not_matter(case):
    """An x whose axes were exchanged, and positions in int32 with gaps, are turned like any other."""
    x, positions = case
    view, gaps = x.transpose(0, 1).contiguous().transpose(0, 1), positions.int().repeat_interleave(2)[::2]
    agrees(rotate(view, gaps), rotate(x, positions))


@few
@given(rows())
def test_the_arguments_survive(case):
    """Neither x nor the positions are modified."""
    x, positions = case
    before = x.clone(), positions.clone()
    rotate(x, positions)
    agrees(x, before[0])
    agrees(positions, before[1])


@few
@given(rows(2))
def test_the_gradient_turns_back(case):
    """A rotation's gradient is turned by the opposite angles."""
    x, positions = case[0].requires_grad_(), case[1]
    agrees(gradients(rotate(x, positions), x)[0], rotate(quarters(0, *x.shape), -positions))


@few
@given(integers(0, 4).map(lambda n: 2 * n + 1) | integers(0, 0), seeds)
def test_widths_without_pairs_are_refused(d, seed):
    """An odd width, or none at all, raises ValueError."""
    assert refuses(ValueError, rotate, quarters(seed, 2, d), torch.arange(2))


@few
@given(projections((2,)), places, places)
def test_a_converted_model_has_its_old_scores(case, m, n):
    """Converted projections of a query and a key, turned by halves, give the scores of the originals, turned by neighbours."""
    weight, heads = case
    converted = from_interleaved(weight, heads)
    (q, k), (new_q, new_k) = (w.T.reshape(2, heads, 1, -1) for w in (weight, converted))
    old = turned(q, at(m), neighbours=True) * turned(k, at(n), neighbours=True)
    agrees((turned(new_q, at(m)) * turned(new_k, at(n))).sum(-1), old.sum(-1))


@few
@given(projections())
def test_even_rows_of_a_head_come_first(case):
    """Within each head, rows 0, 2, 4 … stand before rows 1, 3, 5 …."""
    weight, heads = case
    expected = [row for head in weight.chunk(heads) for row in (*head[::2], *head[1::2])]
    agrees(from_interleaved(weight, heads), torch.stack(expected))


@few
@given(projections())
def test_a_head_is_converted_by_itself(case):
    """A head gets the rows that it would get if it were the only one."""
    weight, heads = case
    agrees(from_interleaved(weight, heads), torch.cat([from_interleaved(head, 1) for head in weight.chunk(heads)]))


@few
@given(projections((4,)))
def test_numbers_stay_in_their_column(case):
    """What a column of the weight held, whose numbers meet one input, it still holds, in whatever order."""
    weight, heads = case
    agrees(from_interleaved(weight, heads).sort(0).values, weight.sort(0).values)


@few
@given(projections(()))
def test_biases_are_converted_too(case):
    """A bias [heads * d] is reordered as the rows of a weight are."""
    bias, heads = case
    agrees(from_interleaved(bias, heads), from_interleaved(bias[:, None], heads)[:, 0])


@few
@given(projections((2, 2)), dtypes, booleans())
def test_a_conversion_changes_nothing_but_the_order(case, dtype, contiguous):
    """The weight is left as it was, in any layout, and the result has its dtype."""
    weight, heads = case[0].to(dtype), case[1]
    weight = weight if contiguous else weight.transpose(0, 1).contiguous().transpose(0, 1)
    before, y = weight.clone(), from_interleaved(weight, heads)
    agrees(weight, before)
    assert (y.dtype, y.shape) == (weight.dtype, weight.shape)


@few
@given(sizes, sizes, sampled_from([1, 3, 5]))
def test_heads_without_pairs_are_refused(heads, width, odd):
    """Rows that are not heads times an even number raise ValueError."""
    assert refuses(ValueError, from_interleaved, torch.zeros(heads * odd, width), heads)
    assert refuses(ValueError, from_interleaved, torch.zeros(2 * heads + 1, width), heads)
