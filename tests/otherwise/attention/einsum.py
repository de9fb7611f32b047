"""The whole matrix of scores, in einsum, masked with -inf; the weights of an empty row are mended before they are used."""

import torch


def attention(q, k, v, mask=None, is_causal=False):
    scores = torch.einsum("...qd,...kd->...qk", q * q.shape[-1] ** -0.5, k)
    if is_causal:
        later = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), -torch.inf)
    return torch.einsum("...qk,...kd->...qd", scores.softmax(-1).nan_to_num(0.0), v)
