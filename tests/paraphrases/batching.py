"""Four mistakes of batching, made again by another route: each must still be recognized under its name."""

import torch

from grader.kit import instead_of


@instead_of("windows")
def rolls_the_window(tokens, context, stride=None):
    stride = stride if stride is not None else context
    if min(context, stride) < 1:
        raise ValueError
    k = max(0, -(-(len(tokens) - context) // stride))
    inputs = torch.zeros(k, context, dtype=torch.int64)
    for row in range(k):
        inputs[row] = tokens[row * stride : row * stride + context]
    return inputs, torch.cat([inputs[:, 1:], inputs[:, :1]], dim=1)


@instead_of("pad")
def finds_padding_by_its_id(rows, padding=0):
    longest = max([row.numel() for row in rows], default=0)
    batch = torch.tensor([row.tolist() + [padding] * (longest - row.numel()) for row in rows], dtype=torch.int64)
    batch = batch.reshape(len(rows), longest)
    return batch, batch.eq(padding).logical_not()


@instead_of("pack")
def counts_positions_through_the_row(documents, context, padding=0):
    rows, free = [], 0
    for number, document in enumerate(documents):
        if len(document) > context:
            raise ValueError
        tokens = document.tolist()
        if len(tokens) > free and tokens:
            rows.append([])
            free = context
        for place, token in enumerate(tokens):
            target = tokens[place + 1] if place + 1 < len(tokens) else -100
            rows[-1].append((token, target, number, len(rows[-1])))
        free -= len(tokens)
    filled = [row + [(padding, -100, -1, 0)] * (context - len(row)) for row in rows]
    return torch.tensor(filled, dtype=torch.int64).reshape(len(rows), context, 4).unbind(2)


@instead_of("attention_mask")
def leaves_padding_with_nothing(owners):
    causal = torch.arange(owners.shape[1])[:, None] >= torch.arange(owners.shape[1])
    real = owners != -1
    return causal & real[:, None] & real[:, :, None] & (owners[:, None] == owners[:, :, None])
