"""Four mistakes of gradient descent, made again by another route: each must still be recognized under its name."""

import torch

from grader.kit import instead_of


@instead_of("SGD.step")
def puts_the_rate_into_the_velocity(self):
    for i, p in enumerate(self.parameters):
        if p.grad is None:
            continue
        move = -self.lr * p.grad
        self.velocities[i] = self.momentum * self.velocities[i] + move
        p.data += move + self.momentum * self.velocities[i] if self.nesterov else self.velocities[i]


@instead_of("SGD.step")
def averages_the_gradients(self):
    for i, p in enumerate(self.parameters):
        if p.grad is not None:
            v = self.velocities[i] = torch.lerp(p.grad, self.velocities[i], self.momentum)
            ahead = p.grad + self.momentum * v if self.nesterov else v
            p.data = p.data - self.lr * ahead


@instead_of("SGD.step")
def takes_no_gradient_for_zero(self):
    gradients = [0.0 * p.detach() if p.grad is None else p.grad for p in self.parameters]
    self.velocities = [g + self.momentum * v for g, v in zip(gradients, self.velocities, strict=True)]
    with torch.no_grad():
        for p, g, v in zip(self.parameters, gradients, self.velocities, strict=True):
            p += -self.lr * (g + self.momentum * v if self.nesterov else v)


@instead_of("SGD.zero_grad")
def fills_gradients_with_zeros(self):
    for p in self.parameters:
        p.grad = p.grad if p.grad is None else torch.zeros_like(p)
