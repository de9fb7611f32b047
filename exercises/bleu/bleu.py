from collections.abc import Sequence


def clipped_matches(candidate: Sequence[str], references: Sequence[Sequence[str]], n: int) -> tuple[int, int]:
    """How many of the candidate's n-grams occur in a reference, each at most as often as there, and how many it has."""
    raise NotImplementedError


def brevity_penalty(candidate_length: int, reference_length: int) -> float:
    """1 for a candidate that is as long as the reference or longer, exp(1 - reference / candidate) for a shorter one."""
    raise NotImplementedError


def bleu(
    candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]], max_n: int = 4, smooth: bool = False
) -> float:
    """Corpus BLEU between 0 and 1, of sentences that are split into tokens; `references[i]` are all those of `candidates[i]`.

    Raises ValueError for an empty corpus, for unequal numbers of candidates and lists of references, for a candidate
    without a reference, and for max_n < 1. Source: Papineni et al. 2002; smoothing as in mteval-v13a and sacreBLEU.
    """
    raise NotImplementedError
