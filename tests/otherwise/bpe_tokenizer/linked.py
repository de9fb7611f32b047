"""Linked tokens: every place of a pair is known, and a merge touches its neighbours alone; encoding takes pairs from a heap."""

from collections import Counter, defaultdict
from heapq import heappop, heappush

import torch

from exercises.bpe_tokenizer.given import pieces


def train(text, vocab_size):
    if vocab_size < 256:
        raise ValueError(f"{vocab_size} < 256")
    token, weight, before, after = [], [], [], []
    for piece, times in Counter(pieces(text)).items():
        data = piece.encode()
        for place, byte in enumerate(data):
            here = len(token)
            token.append(byte)
            weight.append(times)
            before.append(here - 1 if place else None)
            after.append(here + 1 if place + 1 < len(data) else None)
    places, counts = defaultdict(set), defaultdict(int)

    def change(place, sign):
        if place is None or after[place] is None:
            return
        pair = token[place], token[after[place]]
        counts[pair] += sign * weight[place]
        (places[pair].add if sign > 0 else places[pair].discard)(place)

    for place in range(len(token)):
        change(place, 1)
    merges = []
    while len(merges) < vocab_size - 256:
        best = min((pair for pair in counts if counts[pair]), key=lambda pair: (-counts[pair], pair), default=None)
        if best is None:
            break
        merges.append(best)
        for place in sorted(places[best]):
            right = after[place]
            if right is None or (token[place], token[right]) != best:
                continue  # the merge to the left took one of the two
            for touched in (before[place], place, right):
                change(touched, -1)
            token[place], token[right], after[place] = 255 + len(merges), None, after[right]
            if after[place] is not None:
                before[after[place]] = place
            for touched in (before[place], place):
                change(touched, 1)
    return merges


def encode(text, merges):
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    ids = []
    for piece in pieces(text):
        word = list(piece.encode())
        before, after = [place - 1 for place in range(len(word))], [place + 1 for place in range(len(word))]
        heap = []

        def offer(place, word=word, after=after, heap=heap):
            if place >= 0 and after[place] < len(word):
                pair = word[place], word[after[place]]
                if pair in ranks:
                    heappush(heap, (ranks[pair], place, pair))

        for place in range(len(word)):
            offer(place)
        while heap:
            rank, place, pair = heappop(heap)
            if word[place] is None or after[place] >= len(word) or (word[place], word[after[place]]) != pair:
                continue
            right = after[place]
            word[place], word[right], after[place] = 256 + rank, None, after[right]
            if after[place] < len(word):
                before[after[place]] = place
            offer(before[place])
            offer(place)
        ids += [token for token in word if token is not None]
    return torch.tensor(ids, dtype=torch.int64)


def decode(ids, merges):
    table = {byte: bytes([byte]) for byte in range(256)}
    for number, (left, right) in enumerate(merges, start=256):
        table[number] = table[left] + table[right]
    data = bytearray()
    for number in ids.tolist():
        if number not in table:
            raise IndexError(number)
        data += table[number]
    return data.decode(errors="replace")
