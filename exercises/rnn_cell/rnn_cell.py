from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def rnn_cell(
    x: Float[Tensor, "batch input"],
    h: Float[Tensor, "batch h"],
    w_ih: Float[Tensor, "h input"],
    w_hh: Float[Tensor, "h h"],
    b_ih: Float[Tensor, " h"],
    b_hh: Float[Tensor, " h"],
) -> Float[Tensor, "batch h"]:
    """One step of a recurrent network: tanh(w_ih x + b_ih + w_hh h + b_hh). Source: Elman 1990."""
    raise NotImplementedError


def rnn(
    x: Float[Tensor, "time batch input"],
    h: Float[Tensor, "batch h"],
    w_ih: Float[Tensor, "h input"],
    w_hh: Float[Tensor, "h h"],
    b_ih: Float[Tensor, " h"],
    b_hh: Float[Tensor, " h"],
) -> tuple[Float[Tensor, "time batch h"], Float[Tensor, "batch h"]]:
    """`rnn_cell` along the first axis of `x`, at least one step: the state after every step, and the last one."""
    raise NotImplementedError


def truncated_bptt(
    x: Float[Tensor, "time batch input"],
    targets: Float[Tensor, "time ..."],
    h: Float[Tensor, "batch h"],
    weights: tuple[Float[Tensor, "h input"], Float[Tensor, "h h"], Float[Tensor, " h"], Float[Tensor, " h"]],
    steps: int,
    loss: Callable[[Float[Tensor, "steps batch h"], Float[Tensor, "steps ..."]], Float[Tensor, ""]],
    update: Callable[[], None],
) -> tuple[list[float], Float[Tensor, "batch h"]]:
    """One pass of training over a sequence, in windows of `steps`: for each, forward, backward and `update()`.

    The state is carried from window to window, the gradient is not. Returns the windows' losses, and the last state.
    Raises ValueError for `steps` below 1. Source: Williams and Peng 1990.
    """
    raise NotImplementedError
