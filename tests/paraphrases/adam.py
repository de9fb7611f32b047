"""Four mistakes of Adam, made again by another route: each must still be recognized under its name."""

import math

import torch

from grader.kit import instead_of


def advance(self, i, p):
    """The gradient with its decay, in the dtype of the averages, and the averages made anew."""
    gradient = self._gradient(p).detach().to(self.means[i].dtype)
    beta1, beta2 = self.betas
    self.means[i] = torch.lerp(gradient, self.means[i], beta1)
    self.squares[i] = torch.lerp(gradient.square(), self.squares[i], beta2)
    return self.means[i], self.squares[i]


@instead_of("Adam.step")
def adds_eps_before_the_correction(self):
    with torch.no_grad():
        for i, p in enumerate(self.parameters):
            if p.grad is None:
                continue
            m, v = advance(self, i, p)
            self.steps[i] += 1
            rate = self.lr * math.sqrt(1 - self.betas[1] ** self.steps[i]) / (1 - self.betas[0] ** self.steps[i])
            p.copy_(p - torch.div(rate * m, self.eps + v**0.5))


@instead_of("Adam.step")
def has_one_clock_for_all(self):
    self.calls = getattr(self, "calls", 0) + 1
    with torch.no_grad():
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                m, v = advance(self, i, p)
                root = (v / (1 - math.pow(self.betas[1], self.calls))).sqrt()
                p.add_(-self.lr * m / (1 - math.pow(self.betas[0], self.calls)) / (root + self.eps))


@instead_of("Adam.step")
def corrects_the_mean_alone(self):
    with torch.no_grad():
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                m, v = advance(self, i, p)
                self.steps[i] += 1
                p -= self.lr / (1 - self.betas[0] ** self.steps[i]) * torch.div(m, v.sqrt() + self.eps)


@instead_of("AdamW._gradient")
def couples_the_decay_to_the_gradient(self, p):
    return torch.add(p.grad, p.detach() * self.weight_decay)
