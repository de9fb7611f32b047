import torch


def rnn_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    """Input, state and a one side by side, one product with one matrix; in float64 inside."""
    matrix = torch.cat([w_ih, w_hh, (b_ih.double() + b_hh)[:, None]], 1).double()
    rows = torch.cat([x, h, x.new_ones(len(x), 1)], 1).double()
    return torch.einsum("bi,ui->bu", rows, matrix).tanh().to(x.dtype)


def rnn(x, h, *weights):
    states = [h]
    for step in x.unbind():
        states.append(rnn_cell(step, states[-1], *weights))
    return torch.stack(states[1:]), states[-1]


def truncated_bptt(x, targets, h, weights, steps, loss, update):
    """A queue of windows, each of which begins with a leaf."""
    if steps < 1:
        raise ValueError(steps)
    first, losses = torch.empty_like(h).copy_(h.detach()), []
    while len(x):
        outputs, last = rnn(x[:steps], first, *weights)
        value = loss(outputs, targets[:steps])
        value.backward(inputs=list(weights))
        losses.append(value.tolist())
        first = last.data.clone()
        update()
        x, targets = x[steps:], targets[steps:]
    return losses, first
