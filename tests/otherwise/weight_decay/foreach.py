"""All tensors at once, with torch's operators for lists; the groups by a filter on the shape."""

import math
from itertools import chain

import torch
from torch.nn import functional as F


def usable(*numbers):
    if any(math.isnan(n) or math.isinf(n) or n < 0 for n in numbers):
        raise ValueError("coefficients")


def penalty(parameters, l1=0.0, l2=0.0):
    usable(l1, l2)
    found = [p.double() if p.dtype == torch.float64 else p.float() for p in parameters]
    if not found:
        return torch.tensor(0.0)
    wide = torch.float64 if any(p.dtype == torch.float64 for p in found) else torch.float32
    flat = torch.cat([p.reshape(-1).to(wide) for p in found])
    return l1 * flat.abs().sum() + l2 * 0.5 * torch.linalg.vecdot(flat, flat)


def reached(parameters):
    return [p for p in list(parameters) if p.grad is not None]


@torch.no_grad()
def couple(parameters, l1=0.0, l2=0.0):
    usable(l1, l2)
    found = reached(parameters)
    if found:
        grads = [p.grad for p in found]
        torch._foreach_add_(grads, found, alpha=l2)
        torch._foreach_add_(grads, [torch.sign(p) for p in found], alpha=l1)


@torch.no_grad()
def decay(parameters, lr, weight_decay):
    usable(lr, weight_decay)
    found = reached(parameters)
    if found:
        torch._foreach_mul_(found, 1.0 - lr * weight_decay)


@torch.no_grad()
def shrink(parameters, lr, l1):
    usable(lr, l1)
    for p in reached(parameters):
        p[...] = F.softshrink(p, lr * l1)


def parameter_groups(model, weight_decay):
    usable(weight_decay)
    seen, ordered = set(), []
    for p in chain(model.parameters()):
        if p.requires_grad and id(p) not in seen:
            seen.add(id(p))
            ordered.append(p)
    return [
        dict(params=list(filter(lambda p: p.dim() > 1, ordered)), weight_decay=weight_decay),
        dict(params=list(filter(lambda p: p.dim() <= 1, ordered)), weight_decay=0.0),
    ]
