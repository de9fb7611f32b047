import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


def gru_cell(
    x: Float[Tensor, "batch input"],
    h: Float[Tensor, "batch h"],
    w_ih: Float[Tensor, "3*h input"],
    w_hh: Float[Tensor, "3*h h"],
    b_ih: Float[Tensor, " 3*h"],
    b_hh: Float[Tensor, " 3*h"],
) -> Float[Tensor, "batch h"]:
    """One step of a GRU, in the dtype of `x`. The rows of the weights and biases hold r, z, n, in this order.

    Source: Cho et al. 2014, in the form of torch.nn.GRUCell.
    """
    return _step(F.linear(x, w_ih, b_ih), h, w_hh, b_hh)


def gru(
    x: Float[Tensor, "time batch input"],
    h: Float[Tensor, "batch h"],
    w_ih: Float[Tensor, "3*h input"],
    w_hh: Float[Tensor, "3*h h"],
    b_ih: Float[Tensor, " 3*h"],
    b_hh: Float[Tensor, " 3*h"],
    lengths: Int[Tensor, " batch"] | None = None,
) -> tuple[Float[Tensor, "time batch h"], Float[Tensor, "batch h"]]:
    """`gru_cell` along the first axis of `x`, at least one step: every step's state, and the last one of each row.

    Beyond a row's length its outputs are zero and its state stays. Raises ValueError for a length outside 0 … time.
    """
    if lengths is not None and not ((lengths >= 0) & (lengths <= len(x))).all():
        raise ValueError(f"a row has 0 to {len(x)} steps")
    outputs = []
    for time, projected in enumerate(F.linear(x, w_ih, b_ih)):  # inputs need no state, so all their products are one
        new = _step(projected, h, w_hh, b_hh)
        if lengths is None:
            h = new
            outputs.append(new)
        else:
            ended = (lengths <= time).unsqueeze(1)
            h = torch.where(ended, h, new)
            outputs.append(new.masked_fill(ended, 0.0))
    return torch.stack(outputs), h


def _step(projected: Tensor, h: Tensor, w_hh: Tensor, b_hh: Tensor) -> Tensor:
    """The part that is recurrent: `projected` [batch, 3h] is what the input gives to r, z and n."""
    units = h.shape[1]
    # b_hh can't join the input's bias: its last third is behind the reset gate.
    recurrent = torch.addmm(b_hh, h, w_hh.T)
    r, z = (projected + recurrent)[:, : 2 * units].sigmoid().chunk(2, dim=1)
    n = torch.addcmul(projected[:, 2 * units :], r, recurrent[:, 2 * units :]).tanh()
    return n + z * (h - n)  # z of the old, 1 - z of the new: a mean, so the state never leaves [-1, 1] once it is there
