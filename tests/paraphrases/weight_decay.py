"""Four mistakes of weight_decay, made again by another route: each must still be recognized under its name."""

import math

import torch

from grader.kit import instead_of


def refuse(*numbers):
    for number in numbers:
        if not math.isfinite(number) or number < 0:
            raise ValueError(number)


@instead_of("penalty")
def forgets_the_half(parameters, l1=0.0, l2=0.0):
    refuse(l1, l2)
    total = torch.tensor(0.0)
    for p in parameters:
        w = p.flatten().to(torch.float64 if p.dtype == torch.float64 else torch.float32)
        total = total + l1 * torch.linalg.vector_norm(w, 1) + l2 * torch.dot(w, w)
    return total


@instead_of("decay")
def decays_what_was_not_trained(parameters, lr, weight_decay):
    refuse(lr, weight_decay)
    for p in parameters:
        p.data -= lr * weight_decay * p.data


@instead_of("shrink")
def steps_across_zero(parameters, lr, l1):
    refuse(lr, l1)
    for p in parameters:
        if p.grad is not None:
            p.data.copy_(torch.where(p.data > 0, p.data - lr * l1, torch.where(p.data < 0, p.data + lr * l1, p.data)))


@instead_of("parameter_groups")
def goes_by_the_name(model, weight_decay):
    refuse(weight_decay)
    decaying, plain = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            (plain if "bias" in name else decaying).append(p)
    return [dict(params=decaying, weight_decay=weight_decay), dict(params=plain, weight_decay=0.0)]
