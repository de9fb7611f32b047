"""One query at a time, each over the list of keys that it may attend to; the leading axes one by one."""

import torch


def one_query(q, k, v, may):
    if not may.any():
        return v.new_zeros(v.shape[-1]) + 0 * q.sum()
    scores = (k[may] * (q / len(q) ** 0.5)).sum(-1)
    exponentials = (scores - scores.max().detach()).exp()
    return (exponentials / exponentials.sum()) @ v[may]


def attention(q, k, v, mask=None, is_causal=False):
    leading = torch.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    may = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    may = may.tril() if is_causal else may
    may = may if mask is None else may & mask
    parts = [x.broadcast_to(*leading, *x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in (q, k, v, may)]
    members = [torch.stack([one_query(*row, k, v, allowed) for row, allowed in zip(q.split(1), may, strict=True)])
               for q, k, v, may in zip(*parts, strict=True)]  # fmt: skip
    return torch.stack(members).reshape(*leading, q.shape[-2], v.shape[-1])
