"""Plain dictionaries and loops, and a product in place of logarithms."""

import math


def count(tokens, n):
    found = {}
    for end in range(n, len(tokens) + 1):
        key = tuple(tokens[end - n : end])
        found[key] = found.get(key, 0) + 1
    return found


def clipped_matches(candidate, references, n):
    mine = count(candidate, n)
    tables = [count(reference, n) for reference in references]
    matches = 0
    for key, times in mine.items():
        matches += min(times, max(table.get(key, 0) for table in tables))
    return matches, sum(mine.values())


def brevity_penalty(candidate_length, reference_length):
    if candidate_length == 0:
        return 0.0
    if candidate_length >= reference_length:
        return 1.0
    return math.e ** (1 - reference_length / candidate_length)


def bleu(candidates, references, max_n=4, smooth=False):
    if max_n < 1 or len(candidates) == 0 or len(candidates) != len(references):
        raise ValueError("no corpus")
    if any(len(its) == 0 for its in references):
        raise ValueError("a candidate without a reference")
    product, missing = 1.0, 0
    for n in range(1, max_n + 1):
        matches = total = 0
        for candidate, its in zip(candidates, references, strict=True):
            one, other = clipped_matches(candidate, its, n)
            matches, total = matches + one, total + other
        if total == 0 or (matches == 0 and (n == 1 or not smooth)):
            return 0.0
        if matches == 0:
            missing += 1
            matches = 2**-missing
        product *= matches / total
    wanted = 0
    for candidate, its in zip(candidates, references, strict=True):
        best = None
        for reference in its:
            key = abs(len(reference) - len(candidate)), len(reference)
            best = key if best is None or key < best else best
        wanted += best[1]
    return product ** (1 / max_n) * brevity_penalty(sum(len(candidate) for candidate in candidates), wanted)
