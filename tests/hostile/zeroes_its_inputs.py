# expects: failed
# Zeroes what it was given, so that any definition computed afterwards gives zeros too.
import torch


def attention(q, k, v, mask=None, is_causal=False):
    with torch.no_grad():
        for x in (q, k, v):
            x.zero_()
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1) + 0 * (q.sum() + k.sum())
