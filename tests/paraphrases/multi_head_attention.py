"""Four mistakes of multi_head_attention, made again by another route: each must still be recognized under its name."""

import torch

from grader.kit import instead_of


def heads_of(self, y):
    return torch.stack(y.chunk(self.heads, -1), 1)


def mix(q, k, v, may):
    """Scores, softmax and average, with zeros for a query that has nothing."""
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) * q.shape[-1] ** -0.5
    weights = torch.where(may, scores, torch.finfo(scores.dtype).min).softmax(-1) * may.any(-1, keepdim=True)
    return torch.einsum("bhqk,bhkd->bhqd", weights, v)


def may_read(x, context, mask, is_causal):
    may = torch.ones(len(x), 1, x.shape[1], context.shape[1], dtype=torch.bool)
    if is_causal:
        may = may.tril()
    return may if mask is None else may & mask.broadcast_to(len(x), *may.shape[2:])[:, None]


@instead_of("MultiHeadAttention.forward")
def merges_the_heads_untransposed(self, x, context=None, mask=None, is_causal=False):
    context = context if context is not None else x
    q, k, v = heads_of(self, self.q(x)), heads_of(self, self.k(context)), heads_of(self, self.v(context))
    mixed = mix(q, k, v, may_read(x, context, mask, is_causal))
    return self.out(mixed.flatten(1).unflatten(1, (x.shape[1], -1)))


@instead_of("MultiHeadAttention.forward")
def interleaves_the_heads(self, x, context=None, mask=None, is_causal=False):
    context = context if context is not None else x
    q, k, v = (torch.stack([y[..., h :: self.heads] for h in range(self.heads)], 1)
               for y in (self.q(x), self.k(context), self.v(context)))  # fmt: skip
    mixed = mix(q, k, v, may_read(x, context, mask, is_causal))
    return self.out(torch.stack(mixed.unbind(1), -1).flatten(2))


@instead_of("MultiHeadAttention.forward")
def scales_by_the_width_of_the_model(self, x, context=None, mask=None, is_causal=False):
    context = context if context is not None else x
    q, k, v = heads_of(self, self.q(x)), heads_of(self, self.k(context)), heads_of(self, self.v(context))
    q = q * (q.shape[-1] / x.shape[-1]) ** 0.5
    return self.out(torch.cat(mix(q, k, v, may_read(x, context, mask, is_causal)).unbind(1), -1))


@instead_of("MultiHeadAttention.forward")
def averages_where_nothing_may_be_read(self, x, context=None, mask=None, is_causal=False):
    context = context if context is not None else x
    q, k, v = heads_of(self, self.q(x)), heads_of(self, self.k(context)), heads_of(self, self.v(context))
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    weights = torch.where(may_read(x, context, mask, is_causal), scores, torch.finfo(q.dtype).min).softmax(-1)
    return self.out(torch.cat((weights @ v).unbind(1), -1))
