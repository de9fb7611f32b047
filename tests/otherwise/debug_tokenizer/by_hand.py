"""A scanner in place of a pattern, counts by hand, padding by tensors."""

import torch
from torch.nn.utils.rnn import pad_sequence

PADDING, UNKNOWN = 0, 1


def words(text):
    found, run = [], ""
    for character in text.lower() + " ":
        alone = 0x4E00 <= ord(character) <= 0x9FFF
        if not alone and (character.isalnum() or character == "_"):
            run += character
            continue
        if run:
            found.append(run)
            run = ""
        if not character.isspace():
            found.append(character)
    return found


def build(texts, size):
    counts = {}
    for text in texts:
        for word in words(text):
            counts[word] = counts.get(word, 0) + 1
    vocabulary = {}
    for word in sorted(counts, key=counts.get, reverse=True):
        if len(vocabulary) + 2 == size:
            break
        vocabulary[word] = len(vocabulary) + 2
    return vocabulary


def encode(text, vocabulary):
    return [(vocabulary.get(word) or UNKNOWN) for word in words(text)]


def padded(rows):
    ids = pad_sequence([torch.tensor(row, dtype=torch.int64) for row in rows], batch_first=True, padding_value=PADDING)
    mask = pad_sequence([torch.ones(len(row), dtype=torch.bool) for row in rows], batch_first=True)
    return ids, mask
