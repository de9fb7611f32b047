"""Four mistakes of BLEU, made again by another route: each must still be recognized under its name."""

import math
from collections import Counter

from grader.kit import instead_of


def counter(tokens, n):
    return Counter(zip(*(tokens[k:] for k in range(n)), strict=False))


@instead_of("clipped_matches")
def adds_the_references_up(candidate, references, n):
    mine, there = counter(candidate, n), Counter()
    for reference in references:
        there.update(counter(reference, n))
    return sum((mine & there).values()), sum(mine.values())


@instead_of("clipped_matches")
def counts_without_clipping(candidate, references, n):
    mine = counter(candidate, n)
    missing = mine.copy()
    for ngram in mine:
        if any(ngram in counter(reference, n) for reference in references):
            del missing[ngram]
    return mine.total() - missing.total(), mine.total()


@instead_of("bleu")
def gives_half_a_match_each_time(candidates, references, max_n=4, smooth=False):
    if max_n <= 0 or not candidates or len(candidates) != len(references) or min(map(len, references)) == 0:
        raise ValueError("no corpus")
    product, short = 1.0, 0
    for n in range(1, max_n + 1):
        found = there = 0
        for candidate, its in zip(candidates, references, strict=True):
            matches, total = clipped_matches(candidate, its, n)  # noqa: F821
            found, there = found + matches, there + total
        if there == 0 or (found == 0 and (n == 1 or not smooth)):
            return 0.0
        product *= max(found, 0.5) / there
    for candidate, its in zip(candidates, references, strict=True):
        by_distance = sorted((abs(len(other) - len(candidate)), len(other)) for other in its)
        short += by_distance[0][1]
    return math.pow(product, 1 / max_n) * brevity_penalty(sum(map(len, candidates)), short)  # noqa: F821


@instead_of("bleu")
def averages_over_sentences(candidates, references, max_n=4, smooth=False):
    if max_n <= 0 or not candidates or len(candidates) != len(references) or min(map(len, references)) == 0:
        raise ValueError("no corpus")

    def of_one(candidate, its):
        logs, credit = [], 1.0
        for n in range(1, max_n + 1):
            found, there = clipped_matches(candidate, its, n)  # noqa: F821
            if there == 0 or (found == 0 and (n == 1 or not smooth)):
                return 0.0
            credit = credit if found else credit / 2
            logs.append(math.log2(found or credit) - math.log2(there))
        nearest = min(sorted(len(other) for other in its), key=lambda length: abs(length - len(candidate)))
        return 2 ** (sum(logs) / max_n) * brevity_penalty(len(candidate), nearest)  # noqa: F821

    return math.fsum(map(of_one, candidates, references)) / len(candidates)
