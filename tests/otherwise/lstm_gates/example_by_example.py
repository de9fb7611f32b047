"""No batch at all: vmap over the examples, and the biases as the weights of one more input that is always 1."""

import torch
from torch import vmap


def with_ones(x):
    return torch.cat([x, torch.ones_like(x[..., :1])], dim=-1)


def of_one_example(x, h, c, weights):
    i, f, g, o = (weights @ torch.cat([x, h])).unflatten(0, (4, h.shape[0]))
    c = torch.sigmoid(f).mul(c).add(torch.sigmoid(i).mul(torch.tanh(g)))
    return torch.sigmoid(o).mul(torch.tanh(c)), c


def lstm_cell(x, state, w_ih, w_hh, b_ih, b_hh):
    weights = torch.cat([w_ih, (b_ih + b_hh).unsqueeze(1), w_hh], dim=1)
    return vmap(of_one_example, in_dims=(0, 0, 0, None))(with_ones(x), *state, weights)


def lstm(x, state, w_ih, w_hh, b_ih, b_hh):
    first = lstm_cell(x[0], state, w_ih, w_hh, b_ih, b_hh)
    if len(x) == 1:
        return first[0].unsqueeze(0), first
    outputs, last = lstm(x[1:], first, w_ih, w_hh, b_ih, b_hh)
    return torch.cat([first[0].unsqueeze(0), outputs]), last
