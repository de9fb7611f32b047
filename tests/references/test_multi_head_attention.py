"""The reference beside torch.nn.MultiheadAttention."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from torch import nn

from grader.kit import agrees, filled, gradients, quarters, seeds
from solutions.multi_head_attention.multi_head_attention import MultiHeadAttention


def beside(ours: MultiHeadAttention, d_model: int, d_context: int) -> nn.MultiheadAttention:
    """torch's layer with the same weights: fused where all widths are equal, separate otherwise."""
    layer = nn.MultiheadAttention(d_model, ours.heads, kdim=d_context, vdim=d_context, batch_first=True)
    weights = [ours.q.weight, ours.k.weight, ours.v.weight]
    state = {"in_proj_weight": torch.cat(weights)} if d_context == d_model else {}
    state |= {} if state else dict(zip(["q_proj_weight", "k_proj_weight", "v_proj_weight"], weights, strict=True))
    state |= {"in_proj_bias": torch.cat([ours.q.bias, ours.k.bias, ours.v.bias])}
    layer.load_state_dict(state | {"out_proj.weight": ours.out.weight, "out_proj.bias": ours.out.bias})
    return layer


@settings(max_examples=40)
@given(seeds, integers(1, 3), integers(1, 3), integers(1, 3), integers(1, 4), integers(1, 5), integers(1, 6))
def test_cross_attention_is_torchs(seed, batch, heads, width, queries, keys, d_context):
    ours = filled(MultiHeadAttention(heads * width, heads, d_context), seed)
    x, context = quarters(seed, batch, queries, heads * width), quarters(seed + 1, batch, keys, d_context)
    mask = (quarters(seed + 2, batch, queries, keys) > 0) | (torch.arange(keys) == 0)
    expected, _ = beside(ours, heads * width, d_context)(x, context, context, attn_mask=~mask.repeat_interleave(heads, 0))
    agrees(ours(x, context, mask), expected)


@settings(max_examples=20)
@given(seeds, integers(1, 3), integers(1, 3), integers(1, 4))
def test_causal_self_attention_and_its_gradients_are_torchs(seed, heads, width, length):
    ours, x = filled(MultiHeadAttention(heads * width, heads), seed), quarters(seed, 2, length, heads * width).requires_grad_()
    layer, later = beside(ours, heads * width, heads * width), torch.ones(length, length, dtype=torch.bool).triu(1)
    expected, _ = layer(x, x, x, attn_mask=later)
    got = ours(x, is_causal=True)
    agrees(got, expected)
    by_x, *fused = gradients(got, x, ours.q.weight, ours.k.weight, ours.v.weight)
    for one, other in zip((by_x, torch.cat(fused)), gradients(expected, x, layer.in_proj_weight), strict=True):
        agrees(one, other)
