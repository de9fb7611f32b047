import torch


def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    units = h.shape[1]
    by_x = torch.einsum("bi,gui->gbu", x, w_ih.unflatten(0, (3, units))) + b_ih.unflatten(0, (3, 1, units))
    by_h = torch.einsum("bi,gui->gbu", h, w_hh.unflatten(0, (3, units))) + b_hh.unflatten(0, (3, 1, units))
    r, z = torch.special.expit(by_x[:2] + by_h[:2])
    return torch.lerp(torch.tanh(by_x[2] + r * by_h[2]), h, z)


def gru(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """As packed sequences do: rows by length, and at each step only those that are left."""
    time, batch, _ = x.shape
    lengths = torch.full((batch,), time) if lengths is None else lengths
    if lengths.min() < 0 or lengths.max() > time:
        raise ValueError(lengths)
    order = lengths.argsort(descending=True)
    x, state, outputs = x[:, order], h[order], []
    for t in range(time):
        left = int((lengths > t).sum())
        new = gru_cell(x[t, :left], state[:left], w_ih, w_hh, b_ih, b_hh) if left else state[:0]
        outputs.append(torch.cat([new, torch.zeros_like(state[left:])]))
        state = torch.cat([new, state[left:]])
    back = order.argsort()
    return torch.stack(outputs)[:, back], state[back]
