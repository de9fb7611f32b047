"""Python floats, one entry at a time; the penalty's gradient comes from a custom autograd function for each tensor."""

import math

import torch


class Cost(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w, l1, l2):
        ctx.save_for_backward(w)
        ctx.coefficients = l1, l2
        exact = sum(l1 * abs(x) + l2 / 2 * x * x for x in w.flatten().tolist())
        return torch.tensor(exact, dtype=torch.float64)

    @staticmethod
    def backward(ctx, gradient):
        (w,), (l1, l2) = ctx.saved_tensors, ctx.coefficients
        return (gradient * (l1 * w.sign().double() + l2 * w.double())).to(w.dtype), None, None


def known(number):
    if number != number or number < 0 or number == math.inf:
        raise ValueError(number)
    return number


def penalty(parameters, l1=0.0, l2=0.0):
    known(l1), known(l2)
    parameters = tuple(parameters)
    double = any(p.dtype == torch.float64 for p in parameters)
    total = sum((Cost.apply(p, l1, l2) for p in parameters), torch.zeros((), dtype=torch.float64))
    return total if double else total.float()


def couple(parameters, l1=0.0, l2=0.0):
    known(l1), known(l2)
    for p in parameters:
        if p.grad is not None:
            extra = [l1 * ((w > 0) - (w < 0)) + l2 * w for w in p.flatten().tolist()]
            p.grad = p.grad + torch.tensor(extra, dtype=p.dtype).reshape(p.shape)


def rewrite(parameters, change):
    for p in parameters:
        if p.grad is not None:
            p.data.copy_(torch.tensor([change(w) for w in p.flatten().tolist()], dtype=torch.float64).reshape(p.shape))


def decay(parameters, lr, weight_decay):
    factor = 1 - known(lr) * known(weight_decay)
    rewrite(parameters, lambda w: w * factor)


def shrink(parameters, lr, l1):
    step = known(lr) * known(l1)
    rewrite(parameters, lambda w: math.copysign(max(abs(w) - step, 0.0), w) if w else w)


def parameter_groups(model, weight_decay):
    known(weight_decay)
    groups = {True: [], False: []}
    for _, p in model.named_parameters():
        if p.requires_grad:
            groups[len(p.shape) > 1].append(p)
    return [{"weight_decay": weight_decay, "params": groups[True]}, {"weight_decay": 0.0, "params": groups[False]}]
