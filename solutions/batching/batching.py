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
    stride = context if stride is None else stride
    if context < 1 or stride < 1:
        raise ValueError(f"context {context} and stride {stride} should be at least 1")
    # The window at s needs its last target, tokens[s + context]: hence s < n - context.
    starts = torch.arange(0, max(len(tokens) - context, 0), stride)
    places = starts[:, None] + torch.arange(context)
    return tokens[places].long(), tokens[places + 1].long()  # indexing copies: nobody shares memory with `tokens`


def pad(
    rows: Sequence[Int[Tensor, " n"]], padding: int = 0
) -> tuple[Int[Tensor, "batch longest"], Bool[Tensor, "batch longest"]]:
    """The rows in one tensor, filled up with `padding` on the right, and a mask that is True where a token stands."""
    shape = len(rows), max(map(len, rows), default=0)
    batch = torch.full(shape, padding)
    mask = torch.zeros(shape, dtype=torch.bool)
    for number, row in enumerate(rows):
        batch[number, : len(row)] = row
        mask[number, : len(row)] = True  # by length: a token may have the id that pads
    return batch, mask


def pack(
    documents: Sequence[Int[Tensor, " n"]], context: int, padding: int = 0
) -> tuple[Int[Tensor, "rows context"], Int[Tensor, "rows context"], Int[Tensor, "rows context"], Int[Tensor, "rows context"]]:
    """Whole documents side by side in rows of `context`: tokens, targets, owners, positions.

    The target is the next token of the same document, or IGNORED; the owner is the number of the document, -1 for padding;
    positions begin at 0 in every document. Raises ValueError where a document is longer than `context`.
    """
    if any(len(document) > context for document in documents):
        raise ValueError(f"no document may be longer than {context}")
    # Where each document goes: its number, row and first column. The row before the first is full.
    places, row, end = [], -1, context
    for number, document in enumerate(documents):
        if len(document) == 0:
            continue
        if end + len(document) > context:
            row, end = row + 1, 0
        places.append((number, row, end))
        end += len(document)
    shape = row + 1, context
    tokens, targets, owners = (torch.full(shape, filling) for filling in (padding, IGNORED, -1))
    positions = torch.zeros(shape, dtype=torch.int64)
    for number, row, start in places:
        document = documents[number]
        here = slice(start, start + len(document))
        tokens[row, here] = document
        targets[row, start : here.stop - 1] = document[1:]  # the last token has no successor in its own document
        owners[row, here] = number
        positions[row, here] = torch.arange(len(document))
    return tokens, targets, owners, positions


def attention_mask(owners: Int[Tensor, "rows context"]) -> Bool[Tensor, "rows context context"]:
    """True where a query may attend to a key: one owner, and not later. Padding is an owner like any other.

    So every query has at least itself, and no softmax is left with nothing.
    """
    return (owners[:, :, None] == owners[:, None, :]).tril()
