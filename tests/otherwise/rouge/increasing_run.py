"""The longest common subsequence as the longest strictly increasing run of places (Hunt and Szymanski 1977)."""

from bisect import bisect_left


def lcs_length(one, other):
    places = {}
    for j in reversed(range(len(other))):
        places.setdefault(other[j], []).append(j)
    smallest_ends = []  # of the increasing runs of each length
    for token in one:
        for j in places.get(token, []):  # the last place first, so that no token is used twice
            k = bisect_left(smallest_ends, j)
            smallest_ends[k : k + 1] = [j]
    return len(smallest_ends)


def harmonic(precision, recall):
    return 0.0 if precision == 0.0 else 2 / (1 / precision + 1 / recall)


def score(shared, mine, theirs):
    precision, recall = shared / max(mine, 1), shared / max(theirs, 1)
    return precision, recall, harmonic(precision, recall)


def rouge_n(candidate, references, n):
    if n < 1 or not references:
        raise ValueError("n or references")
    cut = lambda text: [tuple(text[i : i + n]) for i in range(max(0, len(text) + 1 - n))]
    found = []
    for reference in references:
        left, shared = cut(reference), 0
        for ngram in cut(candidate):
            if ngram in left:
                left.remove(ngram)
                shared += 1
        found.append(score(shared, len(cut(candidate)), len(cut(reference))))
    return max(found, key=lambda triple: triple[2])


def rouge_l(candidate, references):
    if not references:
        raise ValueError("references")
    found = [score(lcs_length(candidate, reference), len(candidate), len(reference)) for reference in references]
    return max(found, key=lambda triple: triple[2])
