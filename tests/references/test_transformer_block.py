"""The reference beside torch.nn.TransformerEncoderLayer under a causal mask."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, integers
from torch import nn

from grader.kit import agrees, filled, gradients, normal, seeds
from solutions.transformer_block.transformer_block import TransformerBlock

NAMES = {
    "self_attn.in_proj": "qkv", "self_attn.out_proj": "out", "linear1": "up", "linear2": "down",
    "norm1": "norm_1", "norm2": "norm_2",
}  # fmt: skip


def beside(ours: TransformerBlock, d_model: int, heads: int, d_ff: int) -> nn.TransformerEncoderLayer:
    layer = nn.TransformerEncoderLayer(d_model, heads, d_ff, 0.0, "gelu", batch_first=True, norm_first=True).double()
    state = ours.state_dict()
    renamed = {}
    for torchs in layer.state_dict():
        stem, kind = torchs.removesuffix("weight").removesuffix("bias")[:-1], "bias" if torchs.endswith("bias") else "weight"
        renamed[torchs] = state[f"{NAMES[stem]}.{kind}"]
    layer.load_state_dict(renamed)
    return layer


@settings(max_examples=30)
@given(seeds, integers(1, 3), integers(1, 3), integers(2, 3), integers(1, 6), integers(1, 8), booleans())
def test_the_block_and_its_gradients_are_torchs(seed, batch, heads, width, time, d_ff, is_padded):
    d_model = heads * width
    ours = filled(TransformerBlock(d_model, heads, d_ff), seed).double()
    layer, x = beside(ours, d_model, heads, d_ff), normal(seed, batch, time, d_model).double().requires_grad_()
    mask = (normal(seed + 1, batch, time) > 0) | (torch.arange(time) == 0) if is_padded else None
    later = torch.ones(time, time, dtype=torch.bool).triu(1)
    expected = layer(x, src_mask=later, src_key_padding_mask=None if mask is None else ~mask)
    got = ours(x, mask)
    agrees(got, expected)
    by_weights = [(ours.qkv.weight, layer.self_attn.in_proj_weight), (ours.down.weight, layer.linear2.weight)]
    right = gradients(expected, x, *(theirs for _, theirs in by_weights))
    for one, other in zip(gradients(got, x, *(mine for mine, _ in by_weights)), right, strict=True):
        agrees(one, other)
