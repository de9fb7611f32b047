import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, composite, integers, sampled_from

from exercises.multi_head_attention.multi_head_attention import MultiHeadAttention
from grader.kit import agrees, filled, gradients, quarters, refuses, scattered, seeds

forbids = [
    "torch.nn.MultiheadAttention",
    "torch.nn.functional.multi_head_attention_forward",
    "torch._native_multi_head_attention",
]

few = settings(max_examples=10)
small = integers(1, 4)
D_MODEL, D_CONTEXT = 4, 6


@composite
def layers(draw, fewest=1, most=3, square=False):
    """A layer in which no two widths are equal, its x, and a context; with `square`, one as long and as wide as x."""
    seed, heads, batch, queries = draw(seeds), draw(integers(fewest, most)), draw(integers(1, 3)), draw(integers(2, 4))
    d_context, keys = (D_MODEL, queries) if square else (D_CONTEXT, draw(integers(2, 5)))
    layer = filled(MultiHeadAttention(D_MODEL, heads, d_context, d_k=3, d_v=2), seed)
    return layer, quarters(seed, batch, queries, D_MODEL), quarters(seed + 1, batch, keys, d_context)


@composite
def idle(draw):
    """The same, with a mask that leaves the last query nothing, and the first key to all others."""
    layer, x, context = draw(layers())
    mask = masks(draw(seeds), len(x), x.shape[1], context.shape[1])
    mask[:, -1] = False
    return layer, x, context, mask


def masks(seed, *shape):
    """A mask that leaves the first key to every query."""
    return (quarters(seed, *shape) > 0) | (torch.arange(shape[-1]) == 0)


def by_definition(layer, x, context, may=True):
    """One head after the other, each with its own rows of the projections: bare exponentials over their sum."""
    heads = []
    parts = [torch.chunk(p, layer.out.weight.shape[1] // 2) for p in parameters(layer)[:6]]  # d_v is 2 here
    for q_weight, q_bias, k_weight, k_bias, v_weight, v_bias in zip(*parts, strict=True):
        q, k, v = x @ q_weight.T + q_bias, context @ k_weight.T + k_bias, context @ v_weight.T + v_bias
        weights = (q @ k.mT / q.shape[-1] ** 0.5).exp() * may
        total = weights.sum(-1, keepdim=True)
        heads.append(weights / torch.where(total > 0, total, 1) @ v)
    return torch.cat(heads, -1) @ layer.out.weight.T + layer.out.bias


def parameters(layer):
    return [p for part in (layer.q, layer.k, layer.v, layer.out) for p in (part.weight, part.bias)]


def one_head(layer, head):
    """The rows of `v` and the columns of `out` that belong to a head (d_v is 2 here)."""
    return slice(2 * head, 2 * head + 2)


@given(layers())
def test_every_head_attends_on_its_own(call):
    """The output is what the heads, computed one after the other, give side by side, projected."""
    agrees(call[0](*call[1:]), by_definition(*call))


@few
@given(layers(most=1))
def test_a_single_head_is_attention_between_projections(call):
    """With one head nothing is cut, and the output is out(attention(q(x), k(context), v(context)))."""
    agrees(call[0](*call[1:]), by_definition(*call))


@few
@given(layers(square=True))
def test_without_a_context_x_reads_itself(call):
    """Self-attention is cross-attention with x as its own context."""
    layer, x, _ = call
    agrees(layer(x), by_definition(layer, x, x))


@few
@given(layers(), seeds)
def test_the_heads_are_interchangeable(call, seed):
    """Renumbering the heads in all four layers alike changes nothing."""
    layer, x, context = call
    before = layer(x, context)
    order = torch.randperm(layer.out.weight.shape[1] // 2, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for p in parameters(layer)[:6]:
            p.copy_(p.unflatten(0, (len(order), -1))[order].flatten(0, 1))
        layer.out.weight.copy_(layer.out.weight.unflatten(1, (len(order), -1))[:, order].flatten(1))
    agrees(layer(x, context), before)


@few
@given(layers(fewest=2), small)
def test_a_head_speaks_through_its_own_columns(call, number):
    """Zeros in a head's columns of out have the same effect as zeros for its values."""
    layer, x, context = call
    own, before = one_head(layer, number % (layer.out.weight.shape[1] // 2)), layer.out.weight.detach().clone()
    with torch.no_grad():
        layer.out.weight[:, own] = 0
        expected = layer(x, context)
        layer.out.weight.copy_(before)
        layer.v.weight[own], layer.v.bias[own] = 0, 0
    agrees(layer(x, context), expected)


@few
@given(layers())
def test_the_heads_are_projected(call):
    """Where out.weight is zero, out.bias is all that comes out."""
    layer, x, context = call
    torch.nn.init.zeros_(layer.out.weight)
    agrees(layer(x, context), layer.out.bias.expand_as(x))


@few
@given(layers())
def test_the_order_of_the_context_does_not_matter(call):
    """What is read has no positions: a context read backwards gives the same."""
    layer, x, context = call
    agrees(layer(x, context.flip(1)), layer(x, context))


@given(layers(), sampled_from(["keys", "queries keys", "1 keys", "batch 1 keys", "batch queries keys"]), seeds)
def test_a_mask_says_for_each_member_what_its_queries_may_read(call, axes, seed):
    """True lets a query read a key; a mask broadcasts to [batch, queries, keys] and holds for all heads."""
    layer, x, context = call
    lengths = {"1": 1, "batch": len(x), "queries": x.shape[1], "keys": context.shape[1]}
    mask = masks(seed, *[lengths[axis] for axis in axes.split()])
    agrees(layer(x, context, mask), by_definition(layer, x, context, mask))


@few
@given(layers(square=True), booleans(), seeds)
def test_is_causal_hides_what_comes_later(call, is_masked, seed):
    """With is_causal, a query reads its own position and those before it, as far as a mask allows."""
    layer, x, context = call
    mask, order = masks(seed, len(x), x.shape[1], x.shape[1]), torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    expected = by_definition(layer, x, context, order & mask if is_masked else order)
    agrees(layer(x, context, mask if is_masked else None, is_causal=True), expected)


@few
@given(idle())
def test_a_query_without_keys_gets_the_bias_alone(call):
    """A query that may read nothing gets out.bias, and the others what they would get anyway."""
    agrees(call[0](*call[1:]), by_definition(*call))


@few
@given(idle())
def test_a_query_without_keys_is_not_nan(call):
    """A query that may read nothing yields finite numbers."""
    assert call[0](*call[1:]).isfinite().all()


@few
@given(idle())
def test_a_query_without_keys_does_not_know_the_context(call):
    """A query that may read nothing yields the same in any context."""
    layer, x, context, mask = call
    same = layer(x, context, mask)[:, -1].isclose(layer(x, context + 1, mask)[:, -1], atol=1e-4, equal_nan=True)
    assert same.all()


@few
@given(idle())
def test_gradients_are_right(call):
    """The gradients by x, context and all eight parameters are those of the definition, with an idle query among the others."""
    layer, x, context, mask = call[0], call[1].requires_grad_(), call[2].requires_grad_(), call[3]
    inputs = [x, context, *parameters(layer)]
    right = gradients(by_definition(layer, x, context, mask), *inputs)
    for got, expected in zip(gradients(layer(x, context, mask), *inputs), right, strict=True):
        agrees(got, expected, atol=1e-4)


@few
@given(layers(), sampled_from([torch.float64, torch.float16, torch.bfloat16]), seeds)
def test_the_dtype_is_kept(call, dtype, seed):
    """A layer and its input in any floating dtype give a result in that dtype, with its precision."""
    layer, x, context = call[0].to(dtype), call[1].to(dtype) / 4, call[2].to(dtype) / 4
    mask = masks(seed, context.shape[1])
    exact = by_definition(layer.double(), x.double(), context.double(), mask)
    got = layer.to(dtype)(x, context, mask)
    agrees(got, exact.to(dtype))


@few
@given(layers())
def test_memory_layout_does_not_matter(call):
    """An x and a context whose axes lie in memory in reverse, with gaps, are treated like any other."""
    layer, *inputs = call
    agrees(layer(*map(scattered, inputs)), layer(*inputs))


@few
@given(layers(square=True), seeds)
def test_the_arguments_survive(call, seed):
    """The caller's x, context and mask are not modified."""
    layer, *tensors = *call, masks(seed, call[1].shape[1], call[1].shape[1])
    before = [tensor.clone() for tensor in tensors]
    layer(*tensors, is_causal=True)
    for now, then in zip(tensors, before, strict=True):
        agrees(now, then)


@few
@given(integers(1, 3), small, small)
def test_the_parameters_are_those_of_four_linear_layers(heads, d_k, d_v):
    """Names and shapes are as agreed, with d_model // heads for widths that are left out, and d_model for d_context."""
    for layer, context, keys, values in [
        (MultiHeadAttention(6, heads), 6, 6, 6),
        (MultiHeadAttention(6, heads, 5, d_k, d_v), 5, heads * d_k, heads * d_v),
    ]:
        weights = {"q": (keys, 6), "k": (keys, context), "v": (values, context), "out": (6, values)}
        expected = {f"{name}.weight": shape for name, shape in weights.items()}
        expected |= {f"{name}.bias": shape[:1] for name, shape in weights.items()}
        assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == expected


@few
@given(integers(1, 4), integers(2, 5))
def test_an_impossible_number_of_heads_is_refused(d_head, heads):
    """No head at all is refused, and a d_model that the heads do not divide, unless both of their widths are given."""
    for call in [(d_head, 0), (d_head, -1), (heads * d_head + 1, heads), (heads * d_head + 1, heads, None, d_head)]:
        assert refuses(ValueError, MultiHeadAttention, *call)
    assert refuses(ValueError, MultiHeadAttention, heads * d_head + 1, heads, d_v=d_head)
    assert not refuses(ValueError, MultiHeadAttention, heads * d_head + 1, heads, d_k=d_head, d_v=d_head)
