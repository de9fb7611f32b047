import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, lists, sampled_from

from exercises.kv_cache.kv_cache import KVCache, cached_attention
from grader.kit import agrees, quarters, refuses, scattered, seeds

forbids = []

few = settings(max_examples=10)
small = integers(1, 3)
dtypes = sampled_from([torch.float64, torch.float16, torch.bfloat16])


@composite
def sequences(draw, shortest=1, rows=1):
    """q, k and v [batch, heads, positions, 3 or 2] of a whole sequence."""
    seed, batch, heads, positions = draw(seeds), draw(integers(rows, 3)), draw(small), draw(integers(shortest, 7))
    return tuple(quarters(seed + i, batch, heads, positions, width) for i, width in enumerate([3, 3, 2]))


@composite
def in_pieces(draw, *pieces):
    """A sequence, and the lengths of the pieces in which it arrives."""
    lengths = draw(lists(integers(0, 4), min_size=1, max_size=4)) if not pieces else list(pieces)
    q, k, v = (x.repeat(1, 1, 16, 1)[:, :, : sum(lengths)] for x in draw(sequences()))
    return (q, k + q.flip(2), v - q[..., :2]), lengths  # so that a repeated position is another one


def cache_for(k, v, capacity=None):
    """An empty cache for such keys and values, with a little room to spare."""
    capacity = k.shape[2] + 2 if capacity is None else capacity
    return KVCache(k.shape[0], k.shape[1], capacity, k.shape[3], v.shape[3], dtype=k.dtype)


def holding(k, v, capacity=None):
    cache = cache_for(k, v, capacity)
    cache.append(k, v)
    return cache


def contents(cache, like):
    """What the cache holds, read by appending nothing."""
    k, v = like
    return [x.clone() for x in cache.append(k[:, :, :0], v[:, :, :0])]


def causal(q, k, v):
    """Every position over those up to itself, one by one: bare exponentials over their sum, in float64."""
    outputs = [torch.zeros_like(v[:, :, :0]).double()]
    for i in range(q.shape[2]):
        weights = (q[:, :, i : i + 1].double() @ k[:, :, : i + 1].double().mT / q.shape[3] ** 0.5).exp()
        outputs.append(weights / weights.sum(-1, keepdim=True) @ v[:, :, : i + 1].double())
    return torch.cat(outputs, 2).to(v.dtype)


def decode(qkv, lengths, cache):
    pieces = zip(*(x.split(lengths, 2) for x in qkv), strict=True)
    return torch.cat([cached_attention(*piece, cache) for piece in pieces], 2)


@given(in_pieces())
def test_pieces_of_any_size_give_the_full_pass(call):
    """A sequence in pieces, none, one or several positions at a time, gives what causal attention gives at once."""
    qkv, lengths = call
    agrees(decode(qkv, lengths, cache_for(*qkv[1:])), causal(*qkv))


@few
@given(in_pieces(1, 1, 1, 1))
def test_one_position_at_a_time_gives_the_full_pass(call):
    """A sequence that arrives position by position gives what causal attention gives at once."""
    qkv, lengths = call
    agrees(decode(qkv, lengths, cache_for(*qkv[1:])), causal(*qkv))


@few
@given(sequences(), integers(1, 20))
def test_room_to_spare_has_no_say(qkv, spare):
    """How much memory is not yet used changes no output."""
    tight, wide = (cache_for(*qkv[1:], qkv[0].shape[2] + more) for more in (0, spare))
    agrees(cached_attention(*qkv, wide), cached_attention(*qkv, tight))


@few
@given(in_pieces())
def test_append_returns_all_that_is_cached(call):
    """After every append, the keys and values so far come back, in order, and len counts them."""
    (_, k, v), lengths = call
    cache, length = cache_for(k, v), 0
    for new_k, new_v in zip(k.split(lengths, 2), v.split(lengths, 2), strict=True):
        length += new_k.shape[2]
        for got, expected in zip(cache.append(new_k, new_v), (k, v), strict=True):
            agrees(got, expected[:, :, :length])
        agrees(len(cache), length)


@few
@given(sequences(shortest=2))
def test_what_is_cached_stays_where_it_lies(qkv):
    """A later append returns keys and values that begin at the same place in memory: nothing was copied again."""
    _, k, v = qkv
    cache = cache_for(k, v)
    first, second = (cache.append(k[:, :, part], v[:, :, part]) for part in (slice(0, 1), slice(1, None)))
    assert [x.data_ptr() for x in first] == [x.data_ptr() for x in second]


@few
@given(sequences())
def test_the_callers_tensors_are_copied(qkv):
    """What is cached does not change when the caller writes into what he gave."""
    _, k, v = qkv
    mine = k.clone(), v.clone()
    cache = holding(*mine)
    for x in mine:
        x.fill_(7)
    for got, expected in zip(contents(cache, mine), (k, v), strict=True):
        agrees(got, expected)


@few
@given(in_pieces(2, 1, 1, 1))
def test_the_beginning_is_never_forgotten(call):
    """Where the first position alone has a value above zero, every output is above zero."""
    (q, k, v), lengths = call
    assert (decode((q, k, (v * 0).index_fill(2, torch.tensor([0]), 1)), lengths, cache_for(k, v)) > 0).all()


@few
@given(sequences(), integers(0, 7))
def test_truncate_leaves_as_many_as_it_says(qkv, length):
    """After truncate, len is the length that was asked for."""
    cache, length = holding(*qkv[1:]), min(length, qkv[0].shape[2])
    cache.truncate(length)
    agrees(len(cache), length)


@few
@given(sequences(), small)
def test_what_was_taken_back_leaves_no_trace(qkv, length):
    """After truncate, the sequence goes on as if the rest had never been appended."""
    q, k, v = qkv
    length = min(length, k.shape[2])
    cache = holding(k[:, :, :length], v[:, :, :length], capacity=20)
    cache.append(k.flip(2) + 1, v.flip(2) + 1)
    cache.truncate(length)
    rest = [x[:, :, length:] for x in (q, k, v)]
    agrees(cached_attention(*rest, cache), causal(q, k, v)[:, :, length:])


@few
@given(sequences(rows=2), small)
def test_one_row_may_be_taken_by_all(qkv, row):
    """After reorder with one row number throughout, all rows hold what that row held."""
    _, k, v = qkv
    cache, rows = holding(k, v), torch.full((len(k),), row % len(k))
    cache.reorder(rows)
    for got, expected in zip(contents(cache, (k, v)), (k, v), strict=True):
        agrees(got, expected[rows])


@few
@given(sequences(rows=2), seeds)
def test_rows_may_trade_places(qkv, seed):
    """After reorder with a permutation, row i holds what row rows[i] held."""
    _, k, v = qkv
    cache, rows = holding(k, v), torch.randperm(len(k), generator=torch.Generator().manual_seed(seed))
    cache.reorder(rows)
    for got, expected in zip(contents(cache, (k, v)), (k, v), strict=True):
        agrees(got, expected[rows])


@few
@given(sequences())
def test_nothing_has_a_history(qkv):
    """Arguments that require gradients are cached, and what comes back requires none."""
    q, k, v = (x.requires_grad_() for x in qkv)
    cache = cache_for(k, v, 3 * k.shape[2])
    found = [*cache.append(k, v), cached_attention(q, k, v, cache), *cache.append(k, v)]
    assert not any(x.requires_grad for x in found)


@few
@given(sequences(), integers(1, 3), integers(0, 2))
def test_more_than_the_capacity_is_refused(qkv, beyond, free):
    """What does not fit any more is a ValueError; what just fits is not."""
    _, k, v = qkv
    for new, is_refused in ((free + beyond, True), (free, False)):
        cache = holding(k, v, k.shape[2] + free)
        assert refuses(ValueError, cache.append, *(x[:, :, :1].repeat(1, 1, new, 1) for x in (k, v))) == is_refused


@few
@given(sequences(), integers(1, 3), integers(0, 2))
def test_a_refusal_changes_nothing(qkv, beyond, free):
    """After an append that did not fit, the cache holds what it held."""
    _, k, v = qkv
    cache = holding(k, v, k.shape[2] + free)
    refuses(ValueError, cache.append, *(x[:, :, :1].repeat(1, 1, free + beyond, 1) for x in (k + 1, v + 1)))
    agrees(len(cache), k.shape[2])
    for got, expected in zip(contents(cache, (k, v)), (k, v), strict=True):
        agrees(got, expected)


@few
@given(sequences(rows=2))
def test_another_shape_is_refused(qkv):
    """Nothing is broadcast: another batch, head count, width, or number of values than of keys, is a ValueError."""
    _, k, v = qkv
    cache = holding(k, v, capacity=20)
    calls = [(k[:1], v), (k, v[:1]), (k[..., :1], v), (k, v[..., :1]), (k, v.repeat(1, 1, 2, 1)), (k.repeat(1, 2, 1, 1), v)]
    for call in calls:
        assert refuses(ValueError, cache.append, *call)


@few
@given(sequences(), dtypes)
def test_another_dtype_is_refused(qkv, dtype):
    """Nothing is rounded in silence: keys or values in another dtype than the cache's are a ValueError."""
    _, k, v = qkv
    cache = cache_for(k, v)
    assert refuses(ValueError, cache.append, k.to(dtype), v)
    assert refuses(ValueError, cache.append, k, v.to(dtype))
    agrees(len(cache), 0)


@few
@given(sequences(), small)
def test_truncate_refuses_what_is_not_there(qkv, beyond):
    """A length below zero, or above what is cached, is a ValueError."""
    cache = holding(*qkv[1:])
    for length in (-beyond, len(cache) + beyond):
        assert refuses(ValueError, cache.truncate, length)
    assert not refuses(ValueError, cache.truncate, len(cache))
    assert not refuses(ValueError, cache.truncate, 0)


@few
@given(in_pieces(), dtypes)
def test_the_dtype_is_kept(call, dtype):
    """A cache of any floating dtype gives outputs in that dtype, with its precision."""
    qkv, lengths = tuple(x.to(dtype) / 4 for x in call[0]), call[1]
    agrees(decode(qkv, lengths, cache_for(*qkv[1:])), causal(*qkv))


@few
@given(sequences())
def test_memory_layout_does_not_matter_and_arguments_survive(qkv):
    """Tensors whose axes lie in memory in reverse, with gaps, are treated like any other, and are not modified."""
    views = [scattered(x) for x in qkv]
    agrees(cached_attention(*views, cache_for(*qkv[1:], qkv[0].shape[2])), causal(*qkv))
    for now, then in zip(views, qkv, strict=True):
        agrees(now, then)


@few
@given(small, small, small)
def test_values_are_as_wide_as_keys_by_default(batch, heads, d_k):
    """Without d_v and dtype, a cache takes float32 values as wide as its keys."""
    x = quarters(0, batch, heads, 2, d_k)
    agrees(KVCache(batch, heads, 2, d_k).append(x, x)[1], x)
