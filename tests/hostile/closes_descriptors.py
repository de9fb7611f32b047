# expects: crashed
# Closes every descriptor, so that nobody can hear it.
import os

import torch

os.closerange(0, 4096)


def attention(q, k, v, mask=None, is_causal=False):
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    allowed = torch.ones(scores.shape[-2:], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~allowed.any(-1, keepdim=True), 0.0)
