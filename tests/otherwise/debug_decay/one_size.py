"""The corrections drawn into one step size and one epsilon, as in section 2 of Adam's paper; lerp and addcdiv."""

import math
from itertools import chain

import torch


def groups(model, decay):
    trained = list(filter(lambda p: p.requires_grad, model.parameters()))
    flat = [p for p in trained if len(p.shape) <= 1]
    flat_ids = {id(p) for p in flat}
    return [
        dict(params=[p for p in trained if id(p) not in flat_ids], weight_decay=decay),
        dict(params=flat, weight_decay=0.0),
    ]


class AdamW:
    def __init__(self, groups, lr, betas=(0.9, 0.999), eps=1e-8):
        self.param_groups = groups
        self.lr, self.betas, self.eps = lr, betas, eps
        self.steps = 0
        self.m = {id(p): torch.zeros_like(p) for p in chain.from_iterable(g["params"] for g in groups)}
        self.v = {name: value.clone() for name, value in self.m.items()}

    def step(self):
        self.steps += 1
        with torch.no_grad():
            for group in self.param_groups:
                for p in (p for p in group["params"] if p.grad is not None):
                    direction = self.direction(p, p.grad)
                    p.add_(p, alpha=-self.lr * group["weight_decay"]).add_(direction, alpha=-self.lr)

    def direction(self, parameter, gradient):
        m, v, (one, two) = self.m[id(parameter)], self.v[id(parameter)], self.betas
        m.lerp_(gradient, 1 - one)
        v.lerp_(gradient * gradient, 1 - two)
        root = math.sqrt(1 - two**self.steps)
        return m * (root / (1 - one**self.steps)) / (v.sqrt() + root * self.eps)
