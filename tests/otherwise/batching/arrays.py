"""In numpy; the mask is block-diagonal, built from where documents begin."""

import numpy
import torch


def given(array):
    return torch.tensor(array.tolist(), dtype=torch.bool if array.dtype == bool else torch.int64).reshape(array.shape)


def windows(tokens, context, stride=None):
    stride = context if stride is None else stride
    if context < 1 or stride < 1:
        raise ValueError("sizes")
    text = tokens.numpy().astype(numpy.int64)
    if len(text) <= context:
        return torch.zeros(0, context, dtype=torch.int64), torch.zeros(0, context, dtype=torch.int64)
    whole = numpy.lib.stride_tricks.sliding_window_view(text, context + 1)[::stride]
    return given(whole[:, :-1]), given(whole[:, 1:])


def pad(rows, padding=0):
    lengths = numpy.array([len(row) for row in rows], dtype=int)
    mask = numpy.arange(max(lengths, default=0))[None] < lengths[:, None]
    batch = numpy.full(mask.shape, padding)
    batch[mask] = numpy.concatenate([row.numpy().astype(int) for row in rows]) if rows else []
    return given(batch), given(mask)


def pack(documents, context, padding=0):
    rows, width = [], context
    for number, document in enumerate(documents):
        n = len(document)
        if n > context:
            raise ValueError(n)
        if n == 0:
            continue
        if width + n > context:
            rows.append([])
            width = 0
        text = document.numpy().astype(int)
        rows[-1].append(numpy.stack([text, numpy.append(text[1:], -100), numpy.full(n, number), numpy.arange(n)]))
        width += n
    found = numpy.empty((4, len(rows), context), dtype=int)
    found[:] = numpy.array([padding, -100, -1, 0])[:, None, None]
    for number, row in enumerate(rows):
        cells = numpy.concatenate(row, 1)
        found[:, number, : cells.shape[1]] = cells
    return tuple(map(given, found))


def attention_mask(owners):
    lines = owners.numpy()
    begins = numpy.ones(lines.shape, dtype=int)
    begins[:, 1:] = lines[:, 1:] != lines[:, :-1]
    groups = numpy.cumsum(begins, axis=1)
    query = numpy.arange(lines.shape[1])
    return given((groups[:, :, None] == groups[:, None, :]) & (query[:, None] >= query))
