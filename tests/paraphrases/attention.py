"""Five mistakes of attention, made again by another route: each must still be recognized under its name."""

import math

import torch

from grader.kit import instead_of


def forbidden(q, k, mask, is_causal):
    places = torch.zeros(q.shape[-2], k.shape[-2], dtype=torch.bool)
    if is_causal:
        places = torch.arange(k.shape[-2]) > torch.arange(q.shape[-2]).unsqueeze(-1)
    return places if mask is None else places | mask.logical_not()


@instead_of("attention")
def forgets_to_scale(q, k, v, mask=None, is_causal=False):
    no = forbidden(q, k, mask, is_causal)
    scores = torch.einsum("...qd,...kd->...qk", q, k)
    scores = torch.where(no, -torch.inf, scores)
    highest = scores.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(q.dtype).min)
    exponentials = torch.exp(scores - highest)
    total = exponentials.sum(-1, keepdim=True)
    return torch.einsum("...qk,...kd->...qd", exponentials / torch.where(total == 0, 1, total), v)


@instead_of("attention")
def leaves_nan_where_nothing_is_allowed(q, k, v, mask=None, is_causal=False):
    bias = torch.zeros((), dtype=q.dtype).masked_fill(forbidden(q, k, mask, is_causal), -math.inf)
    scores = torch.matmul(q * k.shape[-1] ** -0.5, k.transpose(-1, -2)) + bias
    return torch.exp(scores - scores.logsumexp(dim=-1, keepdim=True)) @ v


@instead_of("attention")
def averages_what_is_forbidden(q, k, v, mask=None, is_causal=False):
    scores = torch.einsum("...qd,...kd->...qk", q * k.shape[-1] ** -0.5, k)
    scores = torch.where(forbidden(q, k, mask, is_causal), torch.finfo(q.dtype).min, scores)
    exponentials = (scores - scores.detach().amax(-1, keepdim=True)).exp()
    return exponentials @ v / exponentials.sum(-1, keepdim=True)


@instead_of("attention")
def masks_after_the_softmax(q, k, v, mask=None, is_causal=False):
    scores = torch.einsum("...qd,...kd->...qk", q * k.shape[-1] ** -0.5, k)
    return torch.where(forbidden(q, k, mask, is_causal), 0.0, scores.log_softmax(-1).exp()) @ v


@instead_of("attention")
def sees_one_ahead(q, k, v, mask=None, is_causal=False):
    no = forbidden(q, k, mask, False)
    if is_causal:
        no = no | torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(2)
    scores = torch.einsum("...qd,...kd->...qk", q * k.shape[-1] ** -0.5, k)
    weights = torch.softmax(torch.where(no, torch.finfo(q.dtype).min, scores), -1)
    return torch.where(no, 0.0, weights) @ v
