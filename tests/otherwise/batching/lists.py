"""Plain lists, one token at a time; tensors are made at the very end."""

import torch


def table(rows, width, dtype=torch.int64):
    return torch.tensor(rows, dtype=dtype).reshape(len(rows), width)


def windows(tokens, context, stride=None):
    stride = context if stride is None else stride
    if context < 1 or stride < 1:
        raise ValueError
    text, inputs, targets = tokens.tolist(), [], []
    start = 0
    while start + context + 1 <= len(text):
        inputs.append(text[start : start + context])
        targets.append(text[start + 1 : start + context + 1])
        start += stride
    return table(inputs, context), table(targets, context)


def pad(rows, padding=0):
    lists = [row.tolist() for row in rows]
    longest = max([len(row) for row in lists] + [0])
    batch = [row + [padding] * (longest - len(row)) for row in lists]
    mask = [[True] * len(row) + [False] * (longest - len(row)) for row in lists]
    return table(batch, longest), table(mask, longest, torch.bool)


def pack(documents, context, padding=0):
    rows = []
    for number, document in enumerate(documents):
        tokens = document.tolist()
        if len(tokens) > context:
            raise ValueError(number)
        targets = [*tokens[1:], -100]
        cells = [(token, targets[place], number, place) for place, token in enumerate(tokens)]
        if cells and (not rows or len(rows[-1]) + len(cells) > context):
            rows.append([])
        if cells:
            rows[-1].extend(cells)
    for row in rows:
        while len(row) < context:
            row.append((padding, -100, -1, 0))
    return tuple(table([[cell[part] for cell in row] for row in rows], context) for part in range(4))


def attention_mask(owners):
    lines = owners.tolist()
    seen = [[[j <= i and line[i] == line[j] for j in range(len(line))] for i in range(len(line))] for line in lines]
    return torch.tensor(seen, dtype=torch.bool).reshape(*owners.shape, owners.shape[1])
