# expects: failed
# Computes once per shape, and gives the same answer ever after.
import torch

cache = {}


def _right(q, k, v, mask=None, is_causal=False):
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    allowed = torch.ones(scores.shape[-2:], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~allowed.any(-1, keepdim=True), 0.0)


def attention(q, k, v, mask=None, is_causal=False):
    form = q.shape, k.shape, v.shape
    if form not in cache:
        cache[form] = _right(q, k, v, mask, is_causal)
    return cache[form]
