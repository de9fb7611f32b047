import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def lstm_cell(
    x: Float[Tensor, "batch input"],
    state: tuple[Float[Tensor, "batch h"], Float[Tensor, "batch h"]],
    w_ih: Float[Tensor, "4*h input"],
    w_hh: Float[Tensor, "4*h h"],
    b_ih: Float[Tensor, " 4*h"],
    b_hh: Float[Tensor, " 4*h"],
) -> tuple[Float[Tensor, "batch h"], Float[Tensor, "batch h"]]:
    """One step of an LSTM: from `state` = (h, c) to the next (h, c), in the dtype of `x`.

    The rows of the weights and biases hold the gates i, f, g, o, in this order.
    Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    """
    return _step(F.linear(x, w_ih, b_ih + b_hh), state, w_hh)


def lstm(
    x: Float[Tensor, "time batch input"],
    state: tuple[Float[Tensor, "batch h"], Float[Tensor, "batch h"]],
    w_ih: Float[Tensor, "4*h input"],
    w_hh: Float[Tensor, "4*h h"],
    b_ih: Float[Tensor, " 4*h"],
    b_hh: Float[Tensor, " 4*h"],
) -> tuple[Float[Tensor, "time batch h"], tuple[Float[Tensor, "batch h"], Float[Tensor, "batch h"]]]:
    """`lstm_cell` along the first axis of `x`, at least one step: every step's h, and the (h, c) after the last one."""
    # The input is known before the first step, so all its products are one large one. Only h @ w_hh has to wait.
    projected = F.linear(x, w_ih, b_ih + b_hh)
    outputs = []
    for step in projected:
        state = _step(step, state, w_hh)
        outputs.append(state[0])
    return torch.stack(outputs), state


def _step(projected: Tensor, state: tuple[Tensor, Tensor], w_hh: Tensor) -> tuple[Tensor, Tensor]:
    """The part that is recurrent: `projected` [batch, 4h] is what the input and the biases give to the gates."""
    h, c = state
    i, f, g, o = torch.addmm(projected, h, w_hh.T).chunk(4, dim=1)  # one product for four gates
    # c is added to, never squashed or multiplied by a matrix: along it, the gradient shrinks by f alone.
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c  # tanh once more: c may have grown past 1
