"""Four mistakes of the recurrent cell and its training, made again by another route: each must be recognized by its name."""

import torch

from grader.kit import instead_of
from solutions.rnn_cell.rnn_cell import rnn, rnn_cell


@instead_of("rnn_cell")
def multiplies_by_the_columns(x, h, w_ih, w_hh, b_ih, b_hh):
    return torch.tanh(x @ w_ih.T + torch.einsum("bi,ij->bj", h, w_hh) + b_ih + b_hh)


@instead_of("rnn")
def detaches_between_steps(x, h, *weights):
    outputs = []
    for t in range(x.shape[0]):
        h = rnn_cell(x[t], h, *weights)
        outputs.append(h)
        h = h.clone().detach()
    return torch.stack(outputs), outputs[-1]


@instead_of("truncated_bptt")
def forgets_at_every_border(x, targets, h, weights, steps, loss, update):
    if steps <= 0:
        raise ValueError("steps")
    losses, first, end = [], h.detach(), None
    for start in range(0, len(x), steps):
        outputs, end = rnn(x[start : start + steps], first, *weights)
        now = loss(outputs, targets[start : start + steps])
        for weight, gradient in zip(weights, torch.autograd.grad(now, weights), strict=True):
            weight.grad = gradient if weight.grad is None else weight.grad + gradient
        losses.append(float(now))
        update()
    return losses, end.detach()


@instead_of("truncated_bptt")
def goes_backward_once_at_the_end(x, targets, h, weights, steps, loss, update):
    if steps <= 0:
        raise ValueError("steps")
    losses, total, h = [], 0.0, h.detach()
    for start in range(0, len(x), steps):
        outputs, h = rnn(x[start : start + steps], h, *weights)
        now = loss(outputs, targets[start : start + steps])
        total, h = total + now, h.detach()
        losses.append(float(now))
    total.backward()
    update()
    return losses, h
