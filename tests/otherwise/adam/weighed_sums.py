import torch


class Adam:
    """The corrected averages themselves are kept: a mean over t steps moves by (1 - beta) / (1 - beta^t) of the way."""

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.rows = [{"p": p, "t": 0} for p in parameters]
        if not self.rows or not (0 <= lr < 1e300 and 0 <= weight_decay < 1e300 and 0 < eps < 1e300):
            raise ValueError("Adam")
        if not (0 <= betas[0] < 1 and 0 <= betas[1] < 1):
            raise ValueError(betas)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay

    def shrunk_and_gradient(self, p, gradient):
        return p, gradient + self.weight_decay * p

    def step(self):
        for row in self.rows:
            p = row["p"]
            if p.grad is None:
                continue
            precise = torch.promote_types(p.dtype, torch.float32)
            value, gradient = self.shrunk_and_gradient(p.detach().to(precise), p.grad.detach().to(precise))
            row["t"] += 1
            for name, new, beta in (("m", gradient, self.betas[0]), ("v", gradient * gradient, self.betas[1])):
                share = (1 - beta) / (1 - beta ** row["t"])
                row[name] = row.get(name, 0.0) + share * (new - row.get(name, 0.0))
            p.data.copy_(value - self.lr * row["m"] / (row["v"].clamp(min=0).sqrt() + self.eps))

    def zero_grad(self):
        for row in self.rows:
            row["p"].grad = None


class AdamW(Adam):
    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def shrunk_and_gradient(self, p, gradient):
        return p - self.lr * self.weight_decay * p, gradient
