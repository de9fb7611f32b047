import math

import torch


class Adam:
    """State by parameter, made at its first gradient; both corrections folded into the rate, and eps along with them."""

    decoupled = False

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.params = [*parameters]
        numbers = [lr, eps, weight_decay, *betas]
        if not self.params or not all(0 <= number < math.inf for number in numbers) or max(betas) >= 1 or eps == 0:
            raise ValueError("Adam")
        self.lr, self.betas, self.eps, self.weight_decay, self.state = lr, betas, eps, weight_decay, {}

    @torch.no_grad()
    def step(self):
        (beta1, beta2), decay = self.betas, self.weight_decay
        for p in self.params:
            if p.grad is None:
                continue
            wide = p.double()
            gradient = p.grad.double() + (0.0 if self.decoupled else decay) * wide
            t, m, v = self.state.get(p, (0, 0.0, 0.0))
            t, m, v = t + 1, beta1 * m + (1 - beta1) * gradient, beta2 * v + (1 - beta2) * gradient**2
            self.state[p] = t, m, v
            root = math.sqrt(1 - beta2**t)
            shrunk = wide * (1 - self.lr * decay) if self.decoupled else wide
            p.copy_(shrunk - self.lr * root / (1 - beta1**t) * m / (v.sqrt() + self.eps * root))

    def zero_grad(self):
        for p in self.params:
            p.grad = None


class AdamW(Adam):
    decoupled = True

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        Adam.__init__(self, parameters, lr, betas, eps, weight_decay)
