from collections.abc import Sequence


def rouge_n(candidate: Sequence[str], references: Sequence[Sequence[str]], n: int) -> tuple[float, float, float]:
    """Precision, recall and F1 of the n-grams that candidate and reference share, against the reference of the best F1.

    Raises ValueError without references, and for n < 1. Source: Lin 2004.
    """
    raise NotImplementedError


def lcs_length(one: Sequence[str], other: Sequence[str]) -> int:
    """How many tokens the longest common subsequence has: in the order of both, gaps allowed."""
    raise NotImplementedError


def rouge_l(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """The same of the longest common subsequence, of texts taken whole. Raises ValueError without references."""
    raise NotImplementedError
