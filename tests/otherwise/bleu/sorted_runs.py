"""N-grams as sorted lists of numbers, matched by walking along two of them; in numpy at the end."""

import numpy


def numbered(sentences):
    """The tokens of all sentences as integers."""
    names = {}
    return [[names.setdefault(token, len(names)) for token in sentence] for sentence in sentences]


def runs(tokens, n):
    return sorted(tokens[start : start + n] for start in range(max(0, len(tokens) - n + 1)))


def common(one, other):
    """What two sorted lists have in common, with repetitions."""
    i = j = 0
    found = []
    while i < len(one) and j < len(other):
        if one[i] == other[j]:
            found.append(one[i])
            i, j = i + 1, j + 1
        elif one[i] < other[j]:
            i += 1
        else:
            j += 1
    return found


def clipped_matches(candidate, references, n):
    candidate, *references = numbered([candidate, *references])
    mine = runs(candidate, n)
    hits = [common(mine, runs(reference, n)) for reference in references]
    return sum(max(hit.count(ngram) for hit in hits) for ngram in {tuple(run) for run in mine} for ngram in [list(ngram)]), len(
        mine
    )


def brevity_penalty(candidate_length, reference_length):
    if not candidate_length:
        return 0.0
    return float(numpy.exp(numpy.minimum(0.0, 1 - reference_length / candidate_length)))


def bleu(candidates, references, max_n=4, smooth=False):
    if len(candidates) != len(references) or not len(candidates) or max_n < 1:
        raise ValueError("corpus")
    for its in references:
        if not its:
            raise ValueError("references")
    pairs = list(zip(candidates, references, strict=True))
    table = numpy.array([[clipped_matches(*pair, n) for n in range(1, max_n + 1)] for pair in pairs], dtype=float).sum(0)
    matches, totals = table[:, 0], table[:, 1]
    if matches[0] == 0 or (totals == 0).any() or (not smooth and (matches == 0).any()):
        return 0.0
    credit = 0.5 ** numpy.cumsum(matches == 0)
    ratios = numpy.where(matches == 0, credit, matches) / totals
    own = numpy.array([len(candidate) for candidate in candidates])
    nearest = [
        sorted(map(len, its), key=lambda length, c=c: (abs(length - c), length))[0]
        for c, its in zip(own, references, strict=True)
    ]
    return float(numpy.exp(numpy.log(ratios).mean())) * brevity_penalty(int(own.sum()), sum(nearest))
