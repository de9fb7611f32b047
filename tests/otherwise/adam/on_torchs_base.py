import numpy
import torch
from torch.optim import Optimizer


class Adam(Optimizer):
    """On torch's base class, whose groups hold the rate; the arithmetic is numpy's, in float64."""

    coupled = True

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        for number in (lr, weight_decay, *betas, eps):
            if not (number >= 0 and numpy.isfinite(number)):
                raise ValueError(number)
        if max(betas) >= 1 or eps <= 0:
            raise ValueError(betas, eps)
        super().__init__(parameters, {"lr": lr})
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay

    @property
    def lr(self):
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, rate):
        self.param_groups[0]["lr"] = rate

    def step(self):
        for p in self.param_groups[0]["params"]:
            if p.grad is None:
                continue
            state, x, g = self.state[p], p.detach().double().numpy(), p.grad.detach().double().numpy()
            decay = self.weight_decay * x
            g = g + decay if self.coupled else g
            state["t"] = state.get("t", 0) + 1
            for name, new, beta in (("m", g, self.betas[0]), ("v", numpy.square(g), self.betas[1])):
                state[name] = beta * state.get(name, 0.0) + (1 - beta) * new
            m, v = (state[name] / (1 - beta ** state["t"]) for name, beta in zip("mv", self.betas, strict=True))
            direction = m / (numpy.sqrt(v) + self.eps) + (0.0 if self.coupled else decay)
            p.data.copy_(torch.from_numpy(numpy.asarray(x - self.lr * direction)))


class AdamW(Adam):
    coupled = False

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(parameters, lr, betas, eps, weight_decay)
