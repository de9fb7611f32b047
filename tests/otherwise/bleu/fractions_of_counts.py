"""Exact fractions until the root is taken; references are used up one n-gram at a time."""

import math
from fractions import Fraction


def clipped_matches(candidate, references, n):
    spans = lambda tokens: list(zip(*(tokens[offset:] for offset in range(n)), strict=False))
    left = [spans(reference) for reference in references]
    matches = 0
    for ngram in spans(candidate):
        hit = False
        for reference in left:  # every reference that has one more of it gives it up
            if ngram in reference:
                reference.remove(ngram)
                hit = True
        matches += hit
    return matches, len(spans(candidate))


def brevity_penalty(candidate_length, reference_length):
    if candidate_length > 0:
        return math.exp(-max(0, reference_length - candidate_length) / candidate_length)
    return 0.0


def bleu(candidates, references, max_n=4, smooth=False):
    if max_n < 1 or not candidates or len(references) != len(candidates) or not all(len(its) for its in references):
        raise ValueError("this is no corpus")
    product, credit = Fraction(1), Fraction(1)
    for n in range(1, max_n + 1):
        counts = [clipped_matches(candidate, its, n) for candidate, its in zip(candidates, references, strict=True)]
        matches, total = (Fraction(sum(column)) for column in zip(*counts, strict=True))
        if not total or (n == 1 and not matches):
            return 0.0
        if not matches:
            credit /= 2
            matches = credit if smooth else matches
        product *= matches / total
    target = 0
    for candidate, its in zip(candidates, references, strict=True):
        offsets = [len(reference) - len(candidate) for reference in its]
        target += len(candidate) + min(offsets, key=lambda offset: abs(offset) * 2 + (offset > 0))
    return float(product) ** (1 / max_n) * brevity_penalty(sum(map(len, candidates)), target)
