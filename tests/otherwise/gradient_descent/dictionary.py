import math


class SGD:
    """State by parameter, made when it is first needed; arithmetic on `.data`; a new tensor for every velocity."""

    def __init__(self, parameters, lr, momentum=0.0, nesterov=False):
        self.params = tuple(parameters)
        if len(self.params) == 0 or math.isnan(lr) or math.isinf(lr) or lr < 0:
            raise ValueError(lr)
        if math.isnan(momentum) or momentum < 0 or momentum >= 1 or (nesterov and momentum == 0):
            raise ValueError(momentum)
        self.lr, self.momentum, self.nesterov, self.state = lr, momentum, nesterov, {}

    def step(self):
        for p in self.params:
            if p.grad is None:
                continue
            g = p.grad.detach().clone()
            v = self.state[p] = g + self.momentum * self.state[p] if p in self.state else g
            p.data.add_(g + self.momentum * v if self.nesterov else v, alpha=-self.lr)

    def zero_grad(self):
        for p in self.params:
            del p.grad
