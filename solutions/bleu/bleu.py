import math
from collections import Counter
from collections.abc import Sequence


def clipped_matches(candidate: Sequence[str], references: Sequence[Sequence[str]], n: int) -> tuple[int, int]:
    """How many of the candidate's n-grams occur in a reference, each at most as often as there, and how many it has."""
    counts = _ngrams(candidate, n)
    most: Counter[tuple[str, ...]] = Counter()
    for reference in references:
        most |= _ngrams(reference, n)  # the larger count of each: one reference has to justify all the repetitions
    return (counts & most).total(), counts.total()


def brevity_penalty(candidate_length: int, reference_length: int) -> float:
    """1 for a candidate that is as long as the reference or longer, exp(1 - reference / candidate) for a shorter one."""
    if candidate_length == 0:
        return 0.0  # the limit
    return math.exp(min(0.0, 1 - reference_length / candidate_length))


def bleu(
    candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]], max_n: int = 4, smooth: bool = False
) -> float:
    """Corpus BLEU between 0 and 1, of sentences that are split into tokens; `references[i]` are all those of `candidates[i]`.

    Raises ValueError for an empty corpus, for unequal numbers of candidates and lists of references, for a candidate
    without a reference, and for max_n < 1. Source: Papineni et al. 2002; smoothing as in mteval-v13a and sacreBLEU.
    """
    if len(candidates) != len(references) or not candidates or not all(references) or max_n < 1:
        raise ValueError("as many lists of references as candidates, at least one of each, and max_n from 1 on")
    matches, totals = [0] * max_n, [0] * max_n
    candidate_length = reference_length = 0
    for candidate, its_references in zip(candidates, references, strict=True):
        # Counts and lengths of the whole corpus are added before anything is divided: a ratio of sums, no mean of ratios.
        for order in range(max_n):
            found, there = clipped_matches(candidate, its_references, order + 1)
            matches[order] += found
            totals[order] += there
        candidate_length += len(candidate)
        lengths = [len(reference) for reference in its_references]
        reference_length += min(lengths, key=lambda length: (abs(length - len(candidate)), length))

    # An n-gram that matches contains shorter ones that do, so without a word in common there is nothing to smooth.
    if matches[0] == 0 or not all(totals) or not (smooth or all(matches)):
        return 0.0
    credit, logarithms = 1.0, 0.0
    for found, there in zip(matches, totals, strict=True):
        if found == 0:
            credit /= 2  # half a match for the first order without any, a quarter for the next
        logarithms += math.log((found or credit) / there)
    return brevity_penalty(candidate_length, reference_length) * math.exp(logarithms / max_n)


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))
