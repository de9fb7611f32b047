"""Backward by hand, with the weights computed again from the logarithm of their sum."""

import torch


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, may):
        scores = torch.where(may, q @ k.mT, -torch.inf)
        logarithm = scores.logsumexp(-1, keepdim=True)
        logarithm = torch.where(logarithm == -torch.inf, 0.0, logarithm)
        output = (scores - logarithm).exp() @ v
        ctx.save_for_backward(q, k, v, may, logarithm, output)
        return output

    @staticmethod
    def backward(ctx, gradient):
        q, k, v, may, logarithm, output = ctx.saved_tensors
        weights = (torch.where(may, q @ k.mT, -torch.inf) - logarithm).exp()
        by_scores = weights * (gradient @ v.mT - (gradient * output).sum(-1, keepdim=True))
        found = by_scores @ k, by_scores.mT @ q, weights.mT @ gradient
        return *(g.sum_to_size(x.shape) for g, x in zip(found, (q, k, v), strict=True)), None


def attention(q, k, v, mask=None, is_causal=False):
    may = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    may = may.tril() if is_causal else may
    return Attention.apply(q * q.shape[-1] ** -0.5, k, v, may if mask is None else may & mask)
