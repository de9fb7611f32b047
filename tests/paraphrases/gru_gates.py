"""Four mistakes of the gated unit, made again by another route: each must still be recognized under its name."""

import torch

from grader.kit import instead_of
from solutions.gru_gates.gru_gates import gru_cell


@instead_of("gru_cell")
def orders_the_update_gate_first(x, h, w_ih, w_hh, b_ih, b_hh):
    u = h.shape[1]
    a, b = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
    z, r = torch.sigmoid(a[:, :u] + b[:, :u]), torch.sigmoid(a[:, u : 2 * u] + b[:, u : 2 * u])
    n = torch.tanh(a[:, 2 * u :] + r * b[:, 2 * u :])
    return n + z * (h - n)


@instead_of("gru_cell")
def resets_before_the_product(x, h, w_ih, w_hh, b_ih, b_hh):
    (w_ir, w_iz, w_in), (w_hr, w_hz, w_hn) = w_ih.split(h.shape[1]), w_hh.split(h.shape[1])
    (b_ir, b_iz, b_in), (b_hr, b_hz, b_hn) = b_ih.split(h.shape[1]), b_hh.split(h.shape[1])
    r = 1 / (1 + torch.exp(-(x @ w_ir.T + b_ir + h @ w_hr.T + b_hr)))
    z = 1 / (1 + torch.exp(-(x @ w_iz.T + b_iz + h @ w_hz.T + b_hz)))
    return torch.lerp(torch.tanh(x @ w_in.T + (r * h) @ w_hn.T + (b_in + b_hn)), h, z)


@instead_of("gru_cell")
def adds_the_hidden_bias_outside_the_reset(x, h, w_ih, w_hh, b_ih, b_hh):
    a, b = x @ w_ih.T + (b_ih + b_hh), h @ w_hh.T
    (r, z), u = torch.sigmoid(a + b)[:, : 2 * h.shape[1]].chunk(2, 1), h.shape[1]
    return (1 - z) * torch.tanh(a[:, 2 * u :] + r * b[:, 2 * u :]) + z * h


@instead_of("gru")
def runs_on_through_the_padding(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    if lengths is not None and not all(0 <= n <= len(x) for n in lengths.tolist()):
        raise ValueError("lengths")
    outputs = []
    for t in range(len(x)):
        h = gru_cell(x[t], h, w_ih, w_hh, b_ih, b_hh)
        outputs.append(h if lengths is None else h * (lengths > t).to(h.dtype)[:, None])
    return torch.stack(outputs), h
