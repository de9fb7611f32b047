import torch


class Step(torch.autograd.Function):
    """The recurrent part, with a backward by hand."""

    @staticmethod
    def forward(ctx, projected, h, w_hh, b_hh):
        recurrent = h @ w_hh.T + b_hh
        r_x, z_x, n_x = projected.chunk(3, 1)
        r_h, z_h, n_h = recurrent.chunk(3, 1)
        r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
        n = torch.tanh(n_x + r * n_h)
        ctx.save_for_backward(h, w_hh, r, z, n, n_h)
        return (1 - z) * n + z * h

    @staticmethod
    def backward(ctx, gradient):
        h, w_hh, r, z, n, n_h = ctx.saved_tensors
        by_n = gradient * (1 - z) * (1 - n * n)
        by_z = gradient * (h - n) * z * (1 - z)
        by_r = by_n * n_h * r * (1 - r)
        by_projected = torch.cat([by_r, by_z, by_n], 1)
        by_recurrent = torch.cat([by_r, by_z, by_n * r], 1)
        return by_projected, gradient * z + by_recurrent @ w_hh, by_recurrent.T @ h, by_recurrent.sum(0)


def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    return Step.apply(x @ w_ih.T + b_ih, h, w_hh, b_hh)


def gru(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """The mask is a factor: a mean of old and new that is all old where a row has ended."""
    if lengths is not None and any(n not in range(len(x) + 1) for n in lengths.tolist()):
        raise ValueError(lengths)
    outputs = []
    for t in range(len(x)):
        new = gru_cell(x[t], h, w_ih, w_hh, b_ih, b_hh)
        alive = torch.ones_like(new[:, :1]) if lengths is None else (lengths > t)[:, None].to(new.dtype)
        outputs.append(alive * new)
        h = alive * new + (1 - alive) * h
    return torch.stack(outputs), h
