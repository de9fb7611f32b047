import torch


def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    """Gate by gate, in float64."""
    x_, h_ = x.double(), h.double()
    (w_ir, w_iz, w_in), (w_hr, w_hz, w_hn) = (w.double().chunk(3) for w in (w_ih, w_hh))
    (b_ir, b_iz, b_in), (b_hr, b_hz, b_hn) = (b.double().chunk(3) for b in (b_ih, b_hh))
    r = torch.sigmoid(x_ @ w_ir.T + b_ir + h_ @ w_hr.T + b_hr)
    z = torch.sigmoid(x_ @ w_iz.T + b_iz + h_ @ w_hz.T + b_hz)
    n = torch.tanh(x_ @ w_in.T + b_in + r * (h_ @ w_hn.T + b_hn))
    return ((1 - z) * n + z * h_).to(x.dtype)


def gru(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """Row by row, each to its own end."""
    time, batch, _ = x.shape
    wanted = [time] * batch if lengths is None else lengths.tolist()
    if min(wanted) < 0 or max(wanted) > time:
        raise ValueError(wanted)
    columns, ends = [], []
    for row, steps in enumerate(wanted):
        state, states = h[row : row + 1], []
        for t in range(steps):
            state = gru_cell(x[t, row : row + 1], state, w_ih, w_hh, b_ih, b_hh)
            states.append(state)
        columns.append(torch.cat([*states, state.new_zeros(time - steps, h.shape[1])]))
        ends.append(state)
    return torch.stack(columns, 1), torch.cat(ends)
