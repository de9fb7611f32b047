import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, floats, integers, sampled_from
from torch.nn import functional as F

from exercises.transformer_block.transformer_block import TransformerBlock
from grader.kit import agrees, filled, gradients, normal, quarters, refuses, scattered, seeds

forbids = [
    "torch.nn.TransformerEncoderLayer",
    "torch.nn.TransformerDecoderLayer",
    "torch.nn.MultiheadAttention",
    "torch.nn.functional.multi_head_attention_forward",
    "torch._transformer_encoder_layer_fwd",
    "torch._native_multi_head_attention",
]

few = settings(max_examples=8)
small = integers(1, 3)
NAMES = [f"{part}.{kind}" for part in ("norm_1", "qkv", "out", "norm_2", "up", "down") for kind in ("weight", "bias")]


@composite
def blocks(draw, silent=None, shortest=1, dropout=()):
    """A block, its heads, and an x; where a branch is `silent`, its last layer is zero, so that it adds nothing."""
    seed, heads, width, d_ff = draw(seeds), draw(small), draw(integers(2, 3)), draw(integers(3, 6))
    block = filled(TransformerBlock(heads * width, heads, d_ff, *dropout), seed)
    if silent:
        silence(block, silent)
    return block, heads, stream(seed, draw(small), draw(integers(shortest, 5)), heads * width)


@composite
def padded(draw):
    """The same, with a mask that is False here and there and at the whole beginning of the first row."""
    block, heads, x = draw(blocks(shortest=2))
    mask = quarters(draw(seeds), *x.shape[:2]) > -1
    mask[0, : x.shape[1] // 2] = False
    return block, heads, x, mask


def stream(seed, *shape):
    """An x whose positions have various means and deviations, none of them so small that ε would count."""
    noise = normal(seed, *shape)
    return F.layer_norm(noise, shape[-1:], eps=0) * (1 + noise.abs().amax(-1, keepdim=True)) + noise[..., :1]


def silence(block, branch):
    layer = {"attention": block.out, "feed forward": block.down}[branch]
    with torch.no_grad():
        layer.weight.zero_(), layer.bias.zero_()


def parameters(block):
    named = dict(block.named_parameters())
    return [named[name] for name in NAMES]


def normalized(x, weight, bias):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight + bias


def by_definition(block, heads, x, mask=True):
    """The block written out, head after head, with bare exponentials over their sum."""
    gain_1, shift_1, qkv, qkv_bias, out, out_bias, gain_2, shift_2, up, up_bias, down, down_bias = parameters(block)
    read, size = normalized(x, gain_1, shift_1), x.shape[2] // heads
    q, k, v = (part.split(size, -1) for part in (read @ qkv.T + qkv_bias).split(x.shape[2], -1))
    may = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril() & (mask if mask is True else mask[:, None])
    weights = [(a @ b.mT / size**0.5).exp() * may for a, b in zip(q, k, strict=True)]
    totals = [w.sum(-1, keepdim=True) for w in weights]
    found = [w / torch.where(t > 0, t, 1) @ c for w, t, c in zip(weights, totals, v, strict=True)]
    x = x + torch.cat(found, -1) @ out.T + out_bias
    hidden = normalized(x, gain_2, shift_2) @ up.T + up_bias
    return x + hidden * (1 + (hidden / math.sqrt(2)).erf()) / 2 @ down.T + down_bias


@settings(max_examples=15)
@given(blocks())
def test_the_block_is_two_branches_in_order(call):
    """The output is x, plus attention of its normalized copy, plus the feed-forward of that sum's normalized copy."""
    block, heads, x = call
    agrees(block(x), by_definition(block, heads, x))


@few
@given(blocks(silent="feed forward"))
def test_attention_is_added_to_x(call):
    """Where the feed-forward network adds nothing, the block is x + attention(norm_1(x))."""
    block, heads, x = call
    agrees(block(x), by_definition(block, heads, x))


@few
@given(blocks(silent="attention"))
def test_the_feed_forward_network_is_added_to_x(call):
    """Where attention adds nothing, the block is x + down(gelu(up(norm_2(x)))), each position on its own."""
    block, heads, x = call
    agrees(block(x), by_definition(block, heads, x))


@few
@given(blocks(silent="attention", dropout=(0.5,)))
def test_silent_branches_leave_x_as_it_is(call):
    """Where both branches add nothing, x comes out, in training too: nothing else stands on the stream."""
    block, _, x = call
    silence(block, "feed forward")
    agrees(block(x), x)


@few
@given(blocks(silent="attention"))
def test_x_reaches_the_output(call):
    """Where both branches add nothing, an x and its negative do not come out the same."""
    block, _, x = call
    silence(block, "feed forward")
    torch.nn.init.ones_(block.norm_1.weight), torch.nn.init.ones_(block.norm_2.weight)  # which could be zero
    assert not block(x).allclose(block(-x))


@few
@given(blocks(), floats(1, 8))
def test_nothing_normalizes_the_sum(call, number):
    """A number added to down.bias is added to the output."""
    block, _, x = call
    before = block(x)
    with torch.no_grad():
        block.down.bias += number
    agrees(block(x), before + number)


@few
@given(blocks(silent="feed forward"), floats(2, 4), integers(-3, 3))
def test_attention_reads_a_normalized_copy(call, scale, shift):
    """What attention adds does not change where x is scaled and shifted."""
    block, _, x = call
    moved = scale * x + shift
    agrees(block(moved) - moved, block(x) - x, atol=1e-3, rtol=0)


@few
@given(blocks(silent="attention"), floats(2, 4), integers(-3, 3))
def test_the_feed_forward_network_reads_a_normalized_copy(call, scale, shift):
    """What the feed-forward network adds does not change where x is scaled and shifted."""
    block, _, x = call
    moved = scale * x + shift
    agrees(block(moved) - moved, block(x) - x, atol=1e-3, rtol=0)


@few
@given(blocks(silent="attention"))
def test_the_feed_forward_network_has_a_norm_of_its_own(call):
    """Where norm_2 gives zeros, the feed-forward network adds the same to every position."""
    block, _, x = call
    with torch.no_grad():
        block.norm_2.weight.zero_(), block.norm_2.bias.zero_()
    added = block(x) - x
    agrees(added, added[:1, :1].expand_as(x))


@few
@given(blocks(silent="attention"), floats(-3, -1))
def test_negative_features_are_damped_and_not_lost(call, feature):
    """Where up gives the same negative number everywhere, gelu of it is what goes through down."""
    block, _, x = call
    with torch.no_grad():
        block.up.weight.zero_(), block.up.bias.fill_(feature), block.down.weight.fill_(1), block.down.bias.zero_()
    added = feature * (1 + math.erf(feature / math.sqrt(2))) / 2 * len(block.up.bias)
    agrees(block(x) - x, torch.full_like(x, added), atol=0.2 * abs(added), rtol=0)


@few
@given(blocks(shortest=2))
def test_no_position_reads_what_comes_later(call):
    """A sequence that is cut short keeps the outputs of what is left."""
    block, _, x = call
    agrees(block(x[:, :-1]), block(x)[:, :-1])


@few
@given(blocks(), seeds, small)
def test_padding_is_as_good_as_absent(call, seed, length):
    """Tokens behind padding, whatever it holds, get what they would get without it."""
    block, _, x = call
    padding = normal(seed, len(x), length, x.shape[2])
    mask = torch.arange(length + x.shape[1]).expand(len(x), -1) >= length
    agrees(block(torch.cat([padding, x], 1), mask)[:, length:], block(x))


@few
@given(padded())
def test_padding_is_not_read(call):
    """The mask hides its False positions from all, and one that may read nothing gets zeros from the heads."""
    block, heads, x, mask = call
    agrees(block(x, mask), by_definition(block, heads, x, mask))


@few
@given(padded())
def test_gradients_are_right(call):
    """The gradients by x and all parameters are those of the definition, padding or not."""
    block, heads, x, mask = call
    inputs = [x.requires_grad_(), *parameters(block)]
    right = gradients(by_definition(block, heads, x, mask), *inputs)
    for got, expected in zip(gradients(block(x, mask), *inputs), right, strict=True):
        agrees(got, expected, atol=1e-4, rtol=1e-4)


@few
@given(seeds)
def test_dropout_falls_on_each_branch_alone(seed):
    """In training at 0.5, x is always there, and either branch's part is doubled or missing, independently."""
    block, x = filled(TransformerBlock(8, 2, dropout=0.5), seed), quarters(seed, 4, 8, 8)
    silence(block, "attention"), silence(block, "feed forward")
    torch.nn.init.ones_(block.out.bias), torch.nn.init.constant_(block.down.bias, 4)
    added = block.train()(x) - x
    assert sorted(set(added.flatten().tolist())) == [0, 2, 8, 10]


@few
@given(seeds, floats(0.1, 0.9))
def test_nothing_is_dropped_at_evaluation(seed, dropout):
    """After eval(), the rate of dropout has no effect."""
    x = quarters(seed, 2, 3, 4)
    with_dropout, without = (filled(TransformerBlock(4, 2, dropout=p), seed).eval() for p in (dropout, 0.0))
    agrees(with_dropout(x), without(x))


@few
@given(blocks(), sampled_from([torch.float64, torch.float16, torch.bfloat16]))
def test_the_dtype_is_kept(call, dtype):
    """A block and its input in any floating dtype give a result in that dtype, with its precision."""
    block, heads, x = call[0].to(dtype), call[1], call[2].to(dtype)
    got, exact = block(x), by_definition(block.double(), heads, x.double())
    coarse = {torch.float64: 1e-9, torch.float16: 0.03, torch.bfloat16: 0.1}[dtype]  # a dozen roundings
    agrees(got, exact.to(dtype), atol=coarse, rtol=coarse)


@few
@given(blocks())
def test_memory_layout_does_not_matter_and_x_survives(call):
    """An x whose axes lie in memory in reverse, with gaps, is treated like any other, and is not modified."""
    block, _, x = call
    view = scattered(x)
    agrees(block(view), block(x))
    agrees(view, x)


@few
@given(small, small, integers(1, 9))
def test_the_parameters_are_those_of_six_modules(heads, width, d_ff):
    """Names and shapes are as agreed, with 4 * d_model for a d_ff that is left out."""
    d = heads * width
    for block, wide in ((TransformerBlock(d, heads), 4 * d), (TransformerBlock(d, heads, d_ff), d_ff)):
        shapes = [(d,), (d,), (3 * d, d), (3 * d,), (d, d), (d,), (d,), (d,), (wide, d), (wide,), (d, wide), (d,)]
        assert {name: tuple(p.shape) for name, p in block.named_parameters()} == dict(zip(NAMES, shapes, strict=True))


@few
@given(small, integers(2, 4), sampled_from([-0.1, 1.1]))
def test_impossible_sizes_are_refused(width, heads, dropout):
    """Heads below one or not dividing d_model, and a dropout outside [0, 1], are refused at construction."""
    for d_model, number in ((width, 0), (width, -1), (heads * width + 1, heads)):
        assert refuses(ValueError, TransformerBlock, d_model, number)
    assert refuses(ValueError, TransformerBlock, width, 1, None, dropout)
