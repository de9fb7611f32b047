"""The table of the subsequence by its diagonals, each in one numpy operation; n-grams as columns of numbers."""

import numpy


def numbered(*texts):
    names = {}
    return [numpy.array([names.setdefault(token, len(names)) for token in text], dtype=numpy.int64) for text in texts]


def lcs_length(one, other):
    a, b = numbered(one, other)
    if len(a) > len(b):
        a, b = b, a
    m, n = len(a), len(b)
    before, last = numpy.zeros(m + 1, dtype=numpy.int64), numpy.zeros(m + 1, dtype=numpy.int64)
    for d in range(2, m + n + 1):  # the cells (i, j) with i + j = d, kept by i
        i = numpy.arange(max(1, d - n), min(m, d - 1) + 1)
        now = numpy.zeros(m + 1, dtype=numpy.int64)
        now[i] = numpy.where(a[i - 1] == b[d - i - 1], before[i - 1] + 1, numpy.maximum(last[i - 1], last[i]))
        before, last = last, now
    return int(last[m]) if m else 0


def score(shared, mine, theirs):
    with numpy.errstate(divide="ignore", invalid="ignore"):
        found = numpy.array([shared, shared, 2 * shared], dtype=float) / numpy.array([mine, theirs, mine + theirs], dtype=float)
    return tuple(numpy.nan_to_num(found).tolist())


def best(found):
    if not found:
        raise ValueError("no references")
    return found[int(numpy.argmax([triple[2] for triple in found]))]


def rouge_n(candidate, references, n):
    if n <= 0:
        raise ValueError("n")
    mine, *others = numbered(candidate, *references)
    found = []
    for theirs in others:
        columns = [numpy.stack([text[k : max(k, len(text) - n + 1 + k)] for k in range(n)]) if len(text) >= n
                   else numpy.zeros((n, 0), dtype=numpy.int64) for text in (mine, theirs)]  # fmt: skip
        both = numpy.concatenate(columns, 1)
        _, which = numpy.unique(both, axis=1, return_inverse=True) if both.size else (None, numpy.zeros(0, dtype=numpy.int64))
        which = which.reshape(-1)
        cut, kinds = columns[0].shape[1], int(which.max(initial=-1)) + 1
        counts = [numpy.bincount(part, minlength=kinds) for part in (which[:cut], which[cut:])]
        found.append(score(int(numpy.minimum(*counts).sum()), cut, columns[1].shape[1]))
    return best(found)


def rouge_l(candidate, references):
    return best([score(lcs_length(candidate, reference), len(candidate), len(reference)) for reference in references])
