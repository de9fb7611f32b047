from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

IGNORED = -100  # the target that torch's cross-entropy leaves out


def windows(
    tokens: Int[Tensor, " n"], context: int, stride: int | None = None
) -> tuple[Int[Tensor, "k context"], Int[Tensor, "k context"]]:
    """Inputs and targets: the windows that start at 0, stride, 2 * stride, … and, place by place, the token that follows.

    Every window that has all of its targets is there. `stride` is `context` if not given. Raises ValueError where either is
    below 1.
    """
    raise NotImplementedError


def pad(
    rows: Sequence[Int[Tensor, " n"]], padding: int = 0
) -> tuple[Int[Tensor, "batch longest"], Bool[Tensor, "batch longest"]]:
    """The rows in one tensor, filled up with `padding` on the right, and a mask that is True where a token stands."""
    raise NotImplementedError


def pack(
    documents: Sequence[Int[Tensor, " n"]], context: int, padding: int = 0
) -> tuple[Int[Tensor, "rows context"], Int[Tensor, "rows context"], Int[Tensor, "rows context"], Int[Tensor, "rows context"]]:
    """Whole documents side by side in rows of `context`: tokens, targets, owners, positions.

    The target is the next token of the same document, or IGNORED; the owner is the number of the document, -1 for padding;
    positions begin at 0 in every document. Raises ValueError where a document is longer than `context`.
    """
    raise NotImplementedError


def attention_mask(owners: Int[Tensor, "rows context"]) -> Bool[Tensor, "rows context context"]:
    """True where a query may attend to a key: one owner, and not later. Padding is an owner like any other.

    So every query has at least itself, and no softmax is left with nothing.
    """
    raise NotImplementedError
