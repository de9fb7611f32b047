"""The reference beside torch's own causal attention over the whole sequence."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists
from torch.nn import functional as F

from grader.kit import agrees, normal, seeds
from solutions.kv_cache.kv_cache import KVCache, cached_attention


@settings(max_examples=40)
@given(seeds, integers(1, 3), integers(1, 3), lists(integers(0, 5), min_size=1, max_size=5), integers(1, 4), integers(1, 4))
def test_pieces_are_torchs_causal_attention(seed, batch, heads, lengths, d_k, d_v):
    qkv = [normal(seed + i, batch, heads, sum(lengths), width) for i, width in enumerate([d_k, d_k, d_v])]
    cache = KVCache(batch, heads, sum(lengths), d_k, d_v)
    pieces = zip(*(x.split(lengths, 2) for x in qkv), strict=True)
    got = torch.cat([cached_attention(*piece, cache) for piece in pieces], 2)
    agrees(got, F.scaled_dot_product_attention(*qkv, is_causal=True))
