"""No recursion: moments as weighted sums of all gradients so far, in float64."""


def groups(model, decay):
    kinds = {True: [], False: []}
    for _, parameter in model.named_parameters():
        if parameter.requires_grad:
            kinds[parameter.dim() > 1].append(parameter)
    return [{"params": kinds[True], "weight_decay": decay}, {"params": kinds[False], "weight_decay": 0.0}]


class AdamW:
    def __init__(self, groups, lr, betas=(0.9, 0.999), eps=1e-8):
        self.param_groups, self.lr, self.betas, self.eps, self.steps, self.seen = groups, lr, betas, eps, 0, {}

    def step(self):
        self.steps += 1
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                update = self.direction(parameter, parameter.grad) + group["weight_decay"] * parameter.detach()
                parameter.data = parameter.data - self.lr * update

    def direction(self, parameter, gradient):
        seen = self.seen.setdefault(id(parameter), [])
        seen.append((self.steps, gradient.detach().double().clone()))
        average = lambda beta, power: sum((1 - beta) * beta ** (self.steps - s) * g**power for s, g in seen)
        mean, square = (average(beta, k) / (1 - beta**self.steps) for k, beta in enumerate(self.betas, start=1))
        return (mean / (square.sqrt() + self.eps)).to(gradient.dtype)
