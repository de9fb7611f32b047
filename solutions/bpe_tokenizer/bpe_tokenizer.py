import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from operator import add

import torch
from jaxtyping import Int
from torch import Tensor

from exercises.bpe_tokenizer.given import pieces


def train(text: str, vocab_size: int) -> list[tuple[int, int]]:
    """The pairs of ids to merge, in order: the i-th makes token 256 + i. Fewer where nothing is left to merge.

    The most frequent pair within pieces comes first; of equally frequent ones, the smallest. Raises ValueError where
    vocab_size is below 256. Source: Sennrich et al. 2016, on bytes as in Radford et al. 2019.
    """
    if vocab_size < 256:
        raise ValueError(f"256 bytes do not fit into a vocabulary of {vocab_size}")
    # A corpus has few different pieces, so each is kept once, with the number of its occurrences.
    occurrences = Counter(pieces(text))
    words, times = [_bytes(piece) for piece in occurrences], list(occurrences.values())
    counts, where = defaultdict(int), defaultdict(set)  # of each pair: how often it occurs, and in which words
    for number, word in enumerate(words):
        for pair in _pairs(word):
            counts[pair] += times[number]
            where[pair].add(number)
    # Once its younger token has been made, a pair can only become rarer. So an entry of the heap is never too low, and one that
    # is out of date goes back with the count that holds now.
    heap = [(-count, pair) for pair, count in counts.items()]
    heapify(heap)
    merges: list[tuple[int, int]] = []
    while heap and len(merges) < vocab_size - 256:
        count, best = heappop(heap)
        if -count != counts[best]:
            if counts[best]:
                heappush(heap, (-counts[best], best))
            continue
        new = chr(256 + len(merges))
        merges.append((ord(best[0]), ord(best[1])))
        made = set()
        for number in where.pop(best):  # a merge costs as much as the words that hold the pair, not as the corpus
            before = words[number]
            words[number] = after = before.replace(best, new)
            for pair in _pairs(before):
                counts[pair] -= times[number]
            for pair in _pairs(after):
                counts[pair] += times[number]
                if new in pair:
                    made.add(pair)
                    where[pair].add(number)
        for pair in made:
            heappush(heap, (-counts[pair], pair))
    return merges


def encode(text: str, merges: list[tuple[int, int]]) -> Int[Tensor, " n"]:
    """The ids of a text, int64: every merge in the order in which it was learned, within pieces."""
    made = {chr(left) + chr(right): chr(256 + number) for number, (left, right) in enumerate(merges)}
    last = chr(sys.maxunicode)
    encoded: dict[str, str] = {}
    for piece in dict.fromkeys(pieces(text)):  # frequent pieces are encoded once
        word = _bytes(piece)
        # A merge makes only pairs that are learned later, so the earliest that applies now is the next in order.
        while (pair := min(_pairs(word), key=lambda pair: made.get(pair, last), default="")) in made:
            word = word.replace(pair, made[pair])
        encoded[piece] = word
    return torch.tensor([ord(token) for piece in pieces(text) for token in encoded[piece]], dtype=torch.int64)


def decode(ids: Int[Tensor, " n"], merges: list[tuple[int, int]]) -> str:
    """The text of the ids; bytes that are not UTF-8 become U+FFFD. Raises IndexError for an id that no token has."""
    tokens = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    numbers = ids.tolist()
    if any(number < 0 for number in numbers):  # said here: a list takes -1 for its last element
        raise IndexError("an id is not negative")
    # All bytes first, then the text: a character may begin in one token and end in the next.
    return b"".join(tokens[number] for number in numbers).decode(errors="replace")


def _bytes(piece: str) -> str:
    """The word of a piece before any merge: its bytes in UTF-8, as one character each."""
    # While tokens are merged, each is one character, chr(id), and a word is a string of them. Then `replace` merges a pair
    # from left to right at the speed of C, a pair is a short string, which hashes fast, and pairs compare as their ids do.
    return piece.encode().decode("latin-1")


def _pairs(word: str) -> Iterator[str]:
    return map(add, word, word[1:])
