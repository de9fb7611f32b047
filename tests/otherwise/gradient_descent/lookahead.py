import torch


class SGD:
    """Nesterov's as it was first written: x makes a plain step from where p stands, and p goes on beyond it."""

    def __init__(self, parameters, lr, momentum=0.0, nesterov=False):
        self.pairs = [[p, None] for p in parameters]
        if not (self.pairs and 0 <= lr < float("inf") and 0 <= momentum < 1 and (momentum > 0 or not nesterov)):
            raise ValueError("SGD")
        self.lr, self.momentum, self.nesterov = lr, momentum, nesterov

    @torch.no_grad()
    def step(self):
        for pair in self.pairs:
            p, last = pair
            if p.grad is None:
                continue
            gradient = p.grad.to(torch.promote_types(p.dtype, torch.float32))
            last = torch.zeros_like(gradient) if last is None else last
            pair[1] = velocity = torch.add(gradient, last, alpha=self.momentum)
            if self.nesterov:
                x = p - self.lr * gradient
                p.copy_(x - self.lr * self.momentum * velocity)
            else:
                p.copy_(p - self.lr * velocity)

    def zero_grad(self):
        for p, _ in self.pairs:
            p.grad = None
