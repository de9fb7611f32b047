import torch
from jaxtyping import Float, Int
from torch import Tensor


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
    raise NotImplementedError


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
    raise NotImplementedError
