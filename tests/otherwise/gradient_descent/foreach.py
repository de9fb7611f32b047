import torch
from torch.optim import Optimizer


class SGD(Optimizer):
    """On torch's base class, whose groups hold the rate, and with its operators for many tensors at once."""

    def __init__(self, parameters, lr, momentum=0.0, nesterov=False):
        if not 0 <= lr < float("inf") or not 0 <= momentum < 1 or (nesterov and not momentum):
            raise ValueError("SGD")
        super().__init__(parameters, {"lr": lr})
        self.momentum, self.nesterov = momentum, nesterov

    @property
    def lr(self):
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, rate):
        self.param_groups[0]["lr"] = rate

    @torch.no_grad()
    def step(self):
        moved = [p for p in self.param_groups[0]["params"] if p.grad is not None]
        for p in moved:
            self.state[p].setdefault("velocity", torch.zeros_like(p))
        if not moved:
            return
        gradients, velocities = [p.grad for p in moved], [self.state[p]["velocity"] for p in moved]
        torch._foreach_mul_(velocities, self.momentum)
        torch._foreach_add_(velocities, gradients)
        ahead = torch._foreach_add(gradients, velocities, alpha=self.momentum) if self.nesterov else velocities
        torch._foreach_add_(moved, ahead, alpha=-self.lr)
