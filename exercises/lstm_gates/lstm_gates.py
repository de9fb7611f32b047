import torch
from jaxtyping import Float
from torch import Tensor


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
    raise NotImplementedError


def lstm(
    x: Float[Tensor, "time batch input"],
    state: tuple[Float[Tensor, "batch h"], Float[Tensor, "batch h"]],
    w_ih: Float[Tensor, "4*h input"],
    w_hh: Float[Tensor, "4*h h"],
    b_ih: Float[Tensor, " 4*h"],
    b_hh: Float[Tensor, " 4*h"],
) -> tuple[Float[Tensor, "time batch h"], tuple[Float[Tensor, "batch h"], Float[Tensor, "batch h"]]]:
    """`lstm_cell` along the first axis of `x`, at least one step: every step's h, and the (h, c) after the last one."""
    raise NotImplementedError
