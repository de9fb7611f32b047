# expects: forbidden
# Calls the operator in its backward, after it has returned.
import torch
from torch.nn import functional as F


class Late(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        getattr(F, "scaled_dot_" + "product_attention")(gradient, gradient, gradient)
        return gradient


def _right(q, k, v, mask=None, is_causal=False):
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    allowed = torch.ones(scores.shape[-2:], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~allowed.any(-1, keepdim=True), 0.0)


def attention(q, k, v, mask=None, is_causal=False):
    return Late.apply(_right(q, k, v, mask, is_causal))
