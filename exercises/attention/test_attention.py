import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, composite, integers, sampled_from
from torch.nn import functional as F

from exercises.attention.attention import attention
from grader.kit import agrees, gradients, normal, quarters, seeds

forbids = [
    "torch.nn.functional.scaled_dot_product_attention",
    "torch.nn.functional.multi_head_attention_forward",
    "torch.nn.MultiheadAttention",
    "torch.nn.attention.flex_attention.flex_attention",
    "torch._C._nn.scaled_dot_product_attention",
    "torch._scaled_dot_product_attention_math",
    "torch._scaled_dot_product_attention_math_for_mps",
    "torch._scaled_dot_product_cudnn_attention",
    "torch._scaled_dot_product_efficient_attention",
    "torch._scaled_dot_product_flash_attention",
    "torch._scaled_dot_product_flash_attention_for_cpu",
]

few = settings(max_examples=10)
lengths = integers(2, 5)
near = 1e-3, 1e-3  # weights found as exp(score - log of the sum) are rounded as coarsely as the scores, here in the thousands
halves = sampled_from([torch.float16, torch.bfloat16])


@composite
def inputs(draw, *leading, square=False):
    """Queries, keys and values whose four sizes are drawn, or three: as many keys as queries."""
    queries, d_k, d_v, seed = draw(lengths), draw(lengths), draw(lengths), draw(seeds)
    keys = queries if square else draw(lengths)
    return tuple(quarters(seed + i, *leading, *size) for i, size in enumerate([(queries, d_k), (keys, d_k), (keys, d_v)]))


@composite
def masked(draw, *leading, square=False):
    """The same with a mask that leaves the first key to every query."""
    q, k, v = draw(inputs(*leading, square=square))
    mask = quarters(draw(seeds), *leading, q.shape[-2], k.shape[-2]) > 0
    mask[..., 0] = True
    return q, k, v, mask


@composite
def with_an_idle_query(draw, square=False):
    """The same with a last query that may attend to nothing."""
    q, k, v, mask = draw(masked(square=square))
    mask[-1] = False
    return q, k, v, mask


def by_definition(q, k, v, allowed=True):
    """Bare exponentials over their sum, in float64: right as long as the scores are small."""
    weights = (q.double() @ k.double().mT / q.shape[-1] ** 0.5).exp() * allowed
    total = weights.sum(-1, keepdim=True)
    return (weights / torch.where(total > 0, total, 1) @ v.double()).to(v.dtype)


def causal(n):
    return torch.ones(n, n, dtype=torch.bool).tril()


def one_key_each(queries, keys):
    """A mask that leaves one key to each query, and which one."""
    choice = torch.arange(queries) % keys
    return F.one_hot(choice, keys).bool(), choice


@given(inputs())
def test_it_is_the_average_of_values_under_the_softmax(qkv):
    """The output is softmax(q kᵀ / √d_k) v."""
    agrees(attention(*qkv), by_definition(*qkv))


@few
@given(inputs())
def test_equal_keys_share_evenly(qkv):
    """Where all keys are equal, every query gets the mean of the values."""
    q, k, v = qkv
    agrees(attention(q, k[:1].repeat(len(k), 1), v), v.mean(0).repeat(len(q), 1))


@few
@given(inputs())
def test_a_query_does_not_know_the_others(qkv):
    """Queries one at a time get what they get together."""
    q, k, v = qkv
    agrees(attention(q, k, v), torch.cat([attention(row, k, v) for row in q.split(1)]))


@few
@given(inputs())
def test_the_width_of_the_values_does_not_matter(qkv):
    """A column of the output depends on the same column of the values alone."""
    q, k, v = qkv
    agrees(attention(q, k, v)[:, :1], attention(q, k, v[:, :1]))


@few
@given(integers(4, 256))
def test_wide_heads_do_not_saturate(d_k):
    """Where q·k is √d_k for one key and 0 for another, the first weighs no more than e / (1 + e), however wide the head."""
    k = torch.stack([torch.full((d_k,), d_k**-0.5), torch.zeros(d_k)])
    assert attention(torch.ones(1, d_k), k, torch.eye(2))[0, 0] < 0.732


@few
@given(integers(4, 256))
def test_wide_heads_do_not_flatten(d_k):
    """Where q·k is √d_k for one key and 0 for another, the first weighs no less than e / (1 + e), however wide the head."""
    k = torch.stack([torch.full((d_k,), d_k**-0.5), torch.zeros(d_k)])
    assert attention(torch.ones(1, d_k), k, torch.eye(2))[0, 0] > 0.730


@few
@given(seeds, lengths, sampled_from([-400.0, 400.0]))
def test_large_scores_do_not_overflow(seed, keys, shift):
    """A number added to all scores of a query changes nothing, even where its exponential is beyond the dtype."""
    k, v, q = quarters(seed, keys, 16), quarters(seed + 1, keys, 3), torch.ones(1, 16)
    agrees(attention(q, k + shift, v), by_definition(q, k, v), *near)


@few
@given(seeds, lengths)
def test_every_query_has_its_own_maximum(seed, keys):
    """Scores of one query that lie far above those of another do not wash the other out."""
    k, v, q = quarters(seed, keys, 16), quarters(seed + 1, keys, 3), torch.eye(2, 16)
    far = torch.cat([k[:, :1] + 4000, k[:, 1:]], dim=-1)
    agrees(attention(q, far, v), by_definition(q, k, v), *near)


@few
@given(sampled_from([(8, 128.0), (32, 64.0), (128, 32.0)]), seeds)
def test_float16_holds_scores_whose_product_overflows(size, seed):
    """In float16, q·k may be too large where q·k / √d_k is not: the key that fits still gets all."""
    d_k, entry = size
    q, v = torch.full((1, d_k), entry).half(), quarters(seed, 2, 3).half()
    agrees(attention(q, torch.cat([q, -q]), v), v[:1])


@few
@given(inputs())
def test_true_means_may_attend(qkv):
    """A query whose mask is True for one key alone gets the value of that key."""
    q, k, v = qkv
    mask, choice = one_key_each(len(q), len(k))
    agrees(attention(q, k, v, mask), v[choice])


@few
@given(inputs())
def test_a_mask_of_true_changes_nothing(qkv):
    """A mask that allows everything may as well be left out."""
    mask = torch.ones(len(qkv[0]), len(qkv[1]), dtype=torch.bool)
    agrees(attention(*qkv, mask), attention(*qkv))


@given(masked())
def test_a_masked_key_is_as_good_as_absent(qkvm):
    """A key that is masked for every query may as well be taken out."""
    q, k, v, mask = qkvm
    mask[:, -1] = False
    agrees(attention(q, k, v, mask), attention(q, k[:-1], v[:-1], mask[:, :-1]))


@few
@given(masked())
def test_a_masked_key_may_score_far_above(qkvm):
    """A masked key has no say even where its score would dwarf all others."""
    q, k, v, mask = qkvm
    mask[:, -1] = False
    k[-1], q = 1000, q.abs() + 1
    agrees(attention(q, k, v, mask), by_definition(q, k[:-1], v[:-1], mask[:, :-1]))


@few
@given(inputs())
def test_allowed_scores_may_be_far_below(qkv):
    """A masked key has no say even where every score is far below zero."""
    q, k, v = qkv
    mask, choice = one_key_each(len(q), len(k))
    agrees(attention(torch.ones_like(q), torch.full_like(k, -1e6), v, mask), v[choice])


@given(masked(2, 3), integers(0, 4), booleans())
def test_masks_broadcast(qkvm, lacking, single):
    """A mask may lack axes in front, or have a length of one there, like any tensor that broadcasts."""
    q, k, v, mask = qkvm
    for _ in range(lacking):
        mask = mask[0]
    mask = mask[(slice(1),) * (mask.ndim - 1)] if single else mask
    agrees(attention(q, k, v, mask), by_definition(q, k, v, mask))


@few
@given(inputs(square=True))
def test_no_query_sees_what_comes_later(qkv):
    """With is_causal, a sequence that is cut short keeps the outputs of what is left."""
    short = [x[:-1] for x in qkv]
    agrees(attention(*qkv, is_causal=True)[:-1], attention(*short, is_causal=True))


@few
@given(inputs(square=True))
def test_the_first_query_sees_itself(qkv):
    """With is_causal, the first output is the first value."""
    agrees(attention(*qkv, is_causal=True)[0], qkv[2][0])


@few
@given(inputs(square=True))
def test_every_query_sees_itself_and_what_came_before(qkv):
    """is_causal means the lower triangle, with its diagonal."""
    agrees(attention(*qkv, is_causal=True), by_definition(*qkv, causal(len(qkv[0]))))


@given(masked(square=True))
def test_mask_and_causality_both_hold(qkvm):
    """Given together, a query may attend only where both the mask and the order allow it."""
    q, k, v, mask = qkvm
    agrees(attention(q, k, v, mask, is_causal=True), by_definition(q, k, v, mask & causal(len(q))))


@few
@given(with_an_idle_query())
def test_a_query_without_keys_yields_zeros(qkvm):
    """A query that may attend to nothing gets zeros, and the others what they would get anyway."""
    agrees(attention(*qkvm), by_definition(*qkvm))


@few
@given(with_an_idle_query())
def test_a_query_without_keys_is_not_nan(qkvm):
    """A query that may attend to nothing yields finite numbers."""
    assert attention(*qkvm).isfinite().all()


@few
@given(inputs(), seeds)
def test_a_mask_may_silence_whole_queries(qkv, seed):
    """A mask with one column says which queries attend at all; the others yield zeros."""
    mask = quarters(seed, len(qkv[0]), 1) > 0
    agrees(attention(*qkv, mask), torch.where(mask, by_definition(*qkv), 0.0))


@few
@given(inputs(square=True))
def test_a_query_whose_keys_all_come_later_yields_zeros(qkv):
    """With is_causal, a mask that leaves a query only later keys leaves it nothing."""
    agrees(attention(*qkv, ~causal(len(qkv[0])), is_causal=True), torch.zeros_like(qkv[2]))


@given(inputs())
def test_gradients_are_right(qkv):
    """The gradients by q, k and v are those of the definition."""
    qkv = [x.requires_grad_() for x in qkv]
    for got, expected in zip(gradients(attention(*qkv), *qkv), gradients(by_definition(*qkv), *qkv), strict=True):
        agrees(got, expected)


@few
@given(masked(square=True))
def test_gradients_heed_the_mask_and_the_order(qkvm):
    """With a mask and is_causal, the gradients by q, k and v are those of the definition."""
    *qkv, mask = qkvm
    qkv = [x.requires_grad_() for x in qkv]
    right = by_definition(*qkv, mask & causal(len(mask)))
    for got, expected in zip(gradients(attention(*qkv, mask, True), *qkv), gradients(right, *qkv), strict=True):
        agrees(got, expected)


@few
@given(with_an_idle_query())
def test_a_query_without_keys_sends_no_gradient(qkvm):
    """A query that may attend to nothing gets zeros for a gradient and adds nothing to those of the keys and values."""
    *qkv, mask = qkvm
    qkv = [x.requires_grad_() for x in qkv]
    right = by_definition(*qkv, mask)
    for got, expected in zip(gradients(attention(*qkv, mask), *qkv), gradients(right, *qkv), strict=True):
        agrees(got, expected)


@few
@given(integers(1, 3), integers(1, 3), lengths, lengths, seeds)
def test_leading_axes_broadcast(batch, heads, queries, keys, seed):
    """Leading axes of q, k and v broadcast as in a matrix product, and gradients are summed back over them."""
    shapes = [(batch, 1, queries, 4), (heads, keys, 4), (batch, 1, keys, 3)]
    qkv = [quarters(seed + i, *shape).requires_grad_() for i, shape in enumerate(shapes)]
    output, right = attention(*qkv), by_definition(*qkv)
    agrees(output, right)
    for got, expected in zip(gradients(output, *qkv), gradients(right, *qkv), strict=True):
        agrees(got, expected)


@few
@given(inputs(2), inputs(3, 2), inputs(2, 1, 3))
def test_any_number_of_leading_axes(one, two, three):
    """One, two or three leading axes are as good as none."""
    for qkv in (one, two, three):
        agrees(attention(*qkv), by_definition(*qkv))


@few
@given(integers(1, 200), seeds)
def test_members_of_a_batch_are_strangers(batch, seed):
    """The last member of a batch, however large, gets what it would get alone."""
    q, k, v = (quarters(seed + i, batch, length, 4) for i, length in enumerate([3, 5, 5]))
    agrees(attention(q, k, v)[-1], attention(q[-1], k[-1], v[-1]))


@few
@given(sampled_from([(), (1,), (1, 1), (2, 1)]), integers(1, 3), seeds)
def test_axes_of_length_one_stay(leading, d_v, seed):
    """One query and one key, in a batch of one or in none: the value comes back in its own shape."""
    q, k, v = (quarters(seed + i, *leading, 1, d) for i, d in enumerate([2, 2, d_v]))
    agrees(attention(q, k, v), v)


@few
@given(inputs(3, 2))
def test_memory_layout_does_not_matter(qkv):
    """Heads that were split off by a transpose, with gaps between the numbers, are treated like any other."""
    views = [x.repeat_interleave(2, -1).transpose(-3, -2).contiguous().transpose(-3, -2)[..., ::2] for x in qkv]
    agrees(attention(*views), by_definition(*qkv))


@few
@given(inputs(square=True), halves)
def test_half_precision_stays(qkv, dtype):
    """float16 and bfloat16 go in and come out."""
    q, k, v = (x.to(dtype) for x in qkv)
    agrees(attention(q / 2, k / 2, v), by_definition(q / 2, k / 2, v))


@few
@given(masked(square=True), halves)
def test_half_precision_takes_a_mask(qkvm, dtype):
    """A mask and is_causal work in float16 and bfloat16 too."""
    q, k, v, mask = qkvm[0].to(dtype) / 2, qkvm[1].to(dtype) / 2, qkvm[2].to(dtype), qkvm[3]
    agrees(attention(q, k, v, mask, is_causal=True), by_definition(q, k, v, mask & causal(len(q))))


@few
@given(inputs())
def test_double_precision_stays(qkv):
    """float64 goes in and comes out, and nothing in between is coarser."""
    q, k, v = (x.double() for x in qkv)
    agrees(attention(q, k, v), by_definition(q, k, v), atol=1e-12, rtol=1e-12)


@few
@given(inputs())
def test_the_tensors_survive(qkv):
    """The caller's q, k and v are not modified."""
    before = [x.clone() for x in qkv]
    attention(*qkv)
    for x, was in zip(qkv, before, strict=True):
        agrees(x, was)


@few
@given(masked(square=True))
def test_the_mask_survives(qkvm):
    """The caller's mask is not modified, also where is_causal joins it."""
    before = qkvm[3].clone()
    attention(*qkvm, is_causal=True)
    agrees(qkvm[3], before)


@settings(max_examples=5)
@given(integers(100, 300), integers(100, 300), seeds)
def test_long_sequences_are_no_exception(queries, keys, seed):
    """Hundreds of queries and keys, in lengths that no tile divides, follow the definition, masked or not."""
    q, k, v = normal(seed, 2, queries, 8) * 3, normal(seed + 1, 2, keys, 8), normal(seed + 2, 2, keys, 4)
    mask = normal(seed + 3, queries, keys) > 0
    agrees(attention(q, k, v), by_definition(q, k, v))
    agrees(attention(q, k, v, mask), by_definition(q, k, v, mask))


@settings(max_examples=5)
@given(integers(100, 300), seeds)
def test_long_causal_sequences_are_no_exception(n, seed):
    """Hundreds of positions keep their order, in the output and in the gradients."""
    qkv = [(normal(seed + i, 2, n, 8)).requires_grad_() for i in range(3)]
    output, right = attention(*qkv, is_causal=True), by_definition(*qkv, causal(n))
    agrees(output, right)
    for got, expected in zip(gradients(output, *qkv), gradients(right, *qkv), strict=True):
        agrees(got, expected)
