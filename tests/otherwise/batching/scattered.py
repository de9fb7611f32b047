"""No loop over tokens: ids are scattered by places that are computed for all documents at once."""

import torch
from torch.nn.utils.rnn import pad_sequence


def windows(tokens, context, stride=None):
    if stride is None:
        stride = context
    if not (context >= 1 and stride >= 1):
        raise ValueError
    if tokens.numel() <= context:
        return tokens.new_zeros(0, context).long(), tokens.new_zeros(0, context).long()
    whole = tokens.to(torch.int64).unfold(0, context + 1, stride)
    return whole[:, :context].clone(), whole[:, 1:].clone()


def pad(rows, padding=0):
    if not rows:
        return torch.zeros(0, 0).long(), torch.zeros(0, 0).bool()
    batch = pad_sequence([row.long() for row in rows], batch_first=True, padding_value=padding)
    return batch, pad_sequence([torch.ones(len(row)) for row in rows], batch_first=True) > 0


def pack(documents, context, padding=0):
    lengths = [len(document) for document in documents]
    if any(length > context for length in lengths):
        raise ValueError
    starts, end = [], 0
    for length in lengths:
        room = -end % context  # in a stream of rows laid end to end
        end += room if length > room else 0
        starts.append(end)
        end += length
    rows, lengths = -(-end // context), torch.tensor(lengths, dtype=torch.int64)
    numbers = torch.arange(len(documents)).repeat_interleave(lengths)
    positions = torch.arange(len(numbers)) - (lengths.cumsum(0) - lengths)[numbers]
    places = torch.tensor(starts, dtype=torch.int64)[numbers] + positions
    tokens = torch.cat([document.long() for document in documents]) if documents else numbers
    last = positions + 1 == lengths[numbers]
    targets = torch.where(last, -100, tokens.roll(-1))
    found = [torch.full((rows * context,), filling) for filling in (padding, -100, -1, 0)]
    for result, values in zip(found, (tokens, targets, numbers, positions), strict=True):
        result[places] = values
    return tuple(result.view(rows, context) for result in found)


def attention_mask(owners):
    n = owners.shape[-1]
    later = torch.ones(n, n).triu(1).bool()
    return owners.unsqueeze(2).eq(owners.unsqueeze(1)).masked_fill(later, False)
