from collections import Counter
from collections.abc import Sequence


def rouge_n(candidate: Sequence[str], references: Sequence[Sequence[str]], n: int) -> tuple[float, float, float]:
    """Precision, recall and F1 of the n-grams that candidate and reference share, against the reference of the best F1.

    Raises ValueError without references, and for n < 1. Source: Lin 2004.
    """
    if n < 1:
        raise ValueError(f"n-grams of {n} tokens")
    mine, *theirs = (Counter(zip(*(tokens[k:] for k in range(n)), strict=False)) for tokens in (candidate, *references))
    return _best([_scores((mine & other).total(), mine.total(), other.total()) for other in theirs])


def lcs_length(one: Sequence[str], other: Sequence[str]) -> int:
    """How many tokens the longest common subsequence has: in the order of both, gaps allowed."""
    # row[j] is the answer for what was read of `one` and the first j of `other`. Only the row above is needed, so one row is
    # enough, as long as its old diagonal neighbour is put by before it is overwritten.
    row = [0] * (len(other) + 1)
    for token in one:
        diagonal = 0
        for j, match in enumerate(other, start=1):
            above = row[j]
            row[j] = diagonal + 1 if token == match else max(above, row[j - 1])
            diagonal = above
    return row[-1]


def rouge_l(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """The same of the longest common subsequence, of texts taken whole. Raises ValueError without references."""
    lengths = [(lcs_length(candidate, reference), len(candidate), len(reference)) for reference in references]
    return _best([_scores(*each) for each in lengths])


def _scores(shared: int, mine: int, theirs: int) -> tuple[float, float, float]:
    """F1 in counts: it is the same for every reference that has the same share, and needs no case of its own for P + R = 0."""
    ratio = lambda part, whole: part / whole if whole else 0.0
    return ratio(shared, mine), ratio(shared, theirs), ratio(2 * shared, mine + theirs)


def _best(scores: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    if not scores:
        raise ValueError("a candidate needs at least one reference")
    return max(scores, key=lambda score: score[2])  # the first of equals; all three numbers of one reference
