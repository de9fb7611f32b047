"""Four mistakes of ROUGE, made again by another route: each must still be recognized under its name."""

from collections import Counter
from difflib import SequenceMatcher

from grader.kit import instead_of


def scores(shared, mine, theirs):
    if shared == 0:
        return 0.0, 0.0, 0.0
    return shared / mine, shared / theirs, 2 / (mine / shared + theirs / shared)


def highest(triples):
    if len(triples) == 0:
        raise ValueError("no references")
    return sorted(triples, key=lambda triple: -triple[-1])[0]


@instead_of("rouge_n")
def counts_each_ngram_once(candidate, references, n):
    if n <= 0:
        raise ValueError("n")
    mine = dict.fromkeys(zip(*(candidate[k:] for k in range(n)), strict=False))
    triples = []
    for reference in references:
        theirs = dict.fromkeys(zip(*(reference[k:] for k in range(n)), strict=False))
        triples.append(scores(sum(ngram in mine for ngram in theirs), len(mine), len(theirs)))
    return highest(triples)


@instead_of("lcs_length")
def takes_the_longest_common_substring(one, other):
    return SequenceMatcher(None, one, other, autojunk=False).find_longest_match().size


@instead_of("lcs_length")
def forgets_the_order(one, other):
    return (Counter(one) & Counter(other)).total()


@instead_of("rouge_l")
def favours_recall(candidate, references):
    triples = []
    for reference in references:
        length = lcs_length(candidate, reference)  # noqa: F821
        p, r, _ = scores(length, len(candidate), len(reference))
        triples.append((p, r, length * 2.44 / (len(candidate) + 1.44 * len(reference)) if length else 0.0))
    return highest(triples)
