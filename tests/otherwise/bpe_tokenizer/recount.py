"""The slow version: lists of ids, everything counted anew, every merge replayed."""

from collections import Counter
from itertools import pairwise

import torch

from exercises.bpe_tokenizer.given import pieces


def apply(word, pair, new):
    result = []
    for token in word:
        if result and (result[-1], token) == pair:
            result[-1] = new
        else:
            result.append(token)
    return result


def train(text, vocab_size):
    if vocab_size < 256:
        raise ValueError(vocab_size)
    words = Counter(tuple(piece.encode()) for piece in pieces(text))
    merges = []
    for new in range(256, vocab_size):
        counts = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], -pair[0], -pair[1]))
        merges.append(best)
        words = {tuple(apply(word, best, new)): times for word, times in words.items()}
    return merges


def encode(text, merges):
    ids = []
    for piece in pieces(text):
        word = list(piece.encode())
        for number, pair in enumerate(merges):
            word = apply(word, pair, 256 + number) if pair[0] in word else word
        ids.extend(word)
    return torch.LongTensor(ids)


def decode(ids, merges):
    parts = []
    for number in map(int, ids):
        if not 0 <= number < 256 + len(merges):
            raise IndexError(number)
        waiting = [number]
        while waiting:
            token = waiting.pop()
            if token < 256:
                parts.append(token)
            else:
                waiting.extend(reversed(merges[token - 256]))
    return bytes(parts).decode("utf-8", errors="replace")
