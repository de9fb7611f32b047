"""Everything in float64, by einsum, with tanh as the only squashing: sigmoid(a) = (1 + tanh(a / 2)) / 2."""

import torch


def squash(a):
    return (1 + torch.tanh(a / 2)) / 2


def lstm_cell(x, state, w_ih, w_hh, b_ih, b_hh):
    return lstm(x.unsqueeze(0), state, w_ih, w_hh, b_ih, b_hh)[1]


def lstm(x, state, w_ih, w_hh, b_ih, b_hh):
    dtype, units = x.dtype, w_hh.shape[1]
    (h, c), w_hh = [tensor.double() for tensor in state], w_hh.double().reshape(4, units, units)
    pre = torch.einsum("tbi,ki->tbk", x.double(), w_ih.double()) + b_ih.double() + b_hh.double()
    pre = pre.reshape(*x.shape[:2], 4, units)
    outputs = torch.empty(0, *h.shape, dtype=torch.float64)
    for t in range(len(x)):
        i, f, g, o = (pre[t] + torch.einsum("bh,kuh->bku", h, w_hh)).unbind(1)
        c = squash(f) * c + squash(i) * torch.tanh(g)
        h = squash(o) * torch.tanh(c)
        outputs = torch.cat([outputs, h.unsqueeze(0)])
    return outputs.to(dtype), (h.to(dtype), c.to(dtype))
