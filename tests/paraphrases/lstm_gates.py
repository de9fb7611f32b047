"""Five mistakes of lstm_gates, made again by another route: each must still be recognized under its name."""

import torch
from torch.nn import functional as F

from grader.kit import instead_of


@instead_of("lstm_cell")
def orders_the_gates_as_in_the_papers(x, state, w_ih, w_hh, b_ih, b_hh):
    (h, c), units = state, state[0].shape[1]
    by_gate = torch.cat([x, h], dim=1) @ torch.cat([w_ih, w_hh], dim=1).T + b_ih + b_hh
    forget, write = torch.sigmoid(by_gate[:, :units]), torch.sigmoid(by_gate[:, units : 2 * units])
    news, show = torch.tanh(by_gate[:, 2 * units : 3 * units]), torch.sigmoid(by_gate[:, 3 * units :])
    c = torch.addcmul(forget * c, write, news)
    return show * torch.tanh(c), c


@instead_of("lstm_cell")
def shows_c_without_tanh(x, state, w_ih, w_hh, b_ih, b_hh):
    h, c = state
    pre = torch.einsum("bi,ki->bk", x, w_ih) + torch.einsum("bh,kh->bk", h, w_hh) + (b_ih + b_hh)
    write, keep, news, show = pre.unflatten(1, (4, -1)).unbind(1)
    memory = c / (1 + torch.exp(-keep)) + torch.tanh(news) / (1 + torch.exp(-write))
    return memory / (1 + torch.exp(-show)), memory


@instead_of("lstm_cell")
def forgets_the_hidden_bias(x, state, w_ih, w_hh, b_ih, b_hh):
    h, c = state
    gates = F.linear(x, w_ih, b_ih).addmm(h, w_hh.T)
    i, f, _, o = gates.sigmoid().chunk(4, dim=1)
    g = gates.chunk(4, dim=1)[2].tanh()
    return o * (f * c + i * g).tanh(), f * c + i * g


@instead_of("lstm")
def starts_every_step_anew(x, state, w_ih, w_hh, b_ih, b_hh):
    h, c = state
    i, f, g, o = (x @ w_ih.T + b_ih + b_hh + h @ w_hh.T).chunk(4, dim=-1)  # no loop: every position at once
    memories = f.sigmoid() * c + i.sigmoid() * g.tanh()
    outputs = o.sigmoid() * memories.tanh()
    return outputs, (outputs[-1], memories[-1])


@instead_of("lstm")
def collects_one_buffer(x, state, w_ih, w_hh, b_ih, b_hh):
    h, c = state
    for projected in F.linear(x, w_ih, b_ih + b_hh):
        i, f, g, o = (projected + h @ w_hh.T).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return h.repeat(len(x), 1, 1), (h, c)
