"""The cell as four separate linear layers, and the sequence as a plain loop over it."""

import torch
from torch.nn import functional as F


def lstm_cell(x, state, w_ih, w_hh, b_ih, b_hh):
    h, c = state
    units = h.shape[1]
    pre = []
    for gate in range(4):
        rows = slice(gate * units, (gate + 1) * units)
        pre.append(F.linear(x, w_ih[rows], b_ih[rows]) + F.linear(h, w_hh[rows], b_hh[rows]))
    i, f, g, o = pre
    new_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(new_c), new_c


def lstm(x, state, w_ih, w_hh, b_ih, b_hh):
    outputs = []
    for t in range(x.shape[0]):
        state = lstm_cell(x[t], state, w_ih, w_hh, b_ih, b_hh)
        outputs.append(state[0])
    return torch.stack(outputs, dim=0), state
