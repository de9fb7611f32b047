import torch


def rnn_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    columns = []
    for row_ih, row_hh, one, other in zip(w_ih, w_hh, b_ih, b_hh, strict=True):
        columns.append(torch.tanh((x * row_ih).sum(1) + one + (h * row_hh).sum(1) + other))
    return torch.stack(columns, 1)


def rnn(x, h, *weights):
    outputs = x.new_empty(len(x), *h.shape)
    for t in range(len(x)):
        h = rnn_cell(x[t], h, *weights)
        outputs[t] = h
    return outputs, h


def truncated_bptt(x, targets, h, weights, steps, loss, update):
    if steps <= 0:
        raise ValueError(steps)
    losses, h = [], h.clone().detach()
    for start in range(0, len(x), steps):
        outputs, h = rnn(x[start : start + steps], h.detach(), *weights)
        value = loss(outputs, targets[start : start + steps])
        for weight, gradient in zip(weights, torch.autograd.grad(value, weights), strict=True):
            weight.grad = gradient if weight.grad is None else weight.grad + gradient
        losses.append(float(value))
        update()
    return losses, h.detach()
