"""The gradient of the penalty comes from autograd also where it is coupled; the decoupled steps are written as subtractions."""

import numpy
import torch


def checked(*numbers):
    if not numpy.all(numpy.isfinite(numbers)) or min(numbers) < 0:
        raise ValueError(str(numbers))


def penalty(parameters, l1=0.0, l2=0.0):
    checked(l1, l2)
    costs = []
    for p in parameters:
        w = p if p.dtype == torch.float64 else p.to(torch.float32)
        costs.append((l1 * w.abs() + (l2 / 2) * w**2).reshape(-1))
    return sum((cost.sum() for cost in costs), torch.zeros(()))


def couple(parameters, l1=0.0, l2=0.0):
    checked(l1, l2)
    for p in [p for p in parameters if p.grad is not None]:
        leaf = p.detach().clone().requires_grad_()
        (found,) = torch.autograd.grad(penalty([leaf], l1, l2), [leaf])
        p.grad.copy_(p.grad + found)


def decay(parameters, lr, weight_decay):
    checked(lr, weight_decay)
    for p in parameters:
        if p.grad is not None:
            p.data.sub_(p.data * (lr * weight_decay))


def shrink(parameters, lr, l1):
    checked(lr, l1)
    for p in parameters:
        if p.grad is None:
            continue
        step = torch.minimum(p.data.abs(), torch.full_like(p.data, lr * l1))
        p.data -= step * p.data.sign()


def parameter_groups(model, weight_decay):
    checked(weight_decay)
    flat, deep = [], []
    for p in model.parameters():
        where = deep if p.ndim not in (0, 1) else flat
        where += [p] if p.requires_grad else []
    return [{"params": deep, "weight_decay": weight_decay}, {"params": flat, "weight_decay": 0.0}]
