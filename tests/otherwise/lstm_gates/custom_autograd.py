"""Backpropagation through time by hand: one custom function for the whole sequence, all weight gradients made at the end."""

import torch
from torch.autograd import Function


class Sequence(Function):
    @staticmethod
    def forward(ctx, x, h, c, w_ih, w_hh, b_ih, b_hh):
        hs, cs, gates = [h], [c], []
        for pre in x @ w_ih.T + (b_ih + b_hh):
            i, f, g, o = (pre + hs[-1] @ w_hh.T).chunk(4, 1)
            gates.append((i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()))
            i, f, g, o = gates[-1]
            cs.append(f * cs[-1] + i * g)
            hs.append(o * cs[-1].tanh())
        ctx.save_for_backward(x, w_ih, w_hh, torch.stack(hs), torch.stack(cs), torch.stack([torch.cat(g, 1) for g in gates]))
        return torch.stack(hs[1:]), hs[-1].clone(), cs[-1].clone()

    @staticmethod
    def backward(ctx, d_outputs, d_h, d_c):
        x, w_ih, w_hh, hs, cs, gates = ctx.saved_tensors
        d_pre = torch.empty_like(gates)
        for t in range(len(x) - 1, -1, -1):
            i, f, g, o = gates[t].chunk(4, 1)
            shown = cs[t + 1].tanh()
            d_h = d_h + d_outputs[t]
            d_c = d_c + d_h * o * (1 - shown**2)
            d_gates = [d_c * g * i * (1 - i), d_c * cs[t] * f * (1 - f), d_c * i * (1 - g**2), d_h * shown * o * (1 - o)]
            d_pre[t] = torch.cat(d_gates, 1)
            d_h, d_c = d_pre[t] @ w_hh, d_c * f
        flat, d_b = d_pre.flatten(0, 1), d_pre.sum((0, 1))
        return d_pre @ w_ih, d_h, d_c, flat.T @ x.flatten(0, 1), flat.T @ hs[:-1].flatten(0, 1), d_b, d_b


def lstm_cell(x, state, w_ih, w_hh, b_ih, b_hh):
    _, h, c = Sequence.apply(x[None], *state, w_ih, w_hh, b_ih, b_hh)
    return h, c


def lstm(x, state, w_ih, w_hh, b_ih, b_hh):
    outputs, h, c = Sequence.apply(x, *state, w_ih, w_hh, b_ih, b_hh)
    return outputs, (h, c)
