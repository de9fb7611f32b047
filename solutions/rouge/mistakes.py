from collections import Counter
from functools import cache

from grader.kit import instead_of


def ngrams(tokens, n):
    return [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]


def check(references, n=1):
    if not references or n < 1:
        raise ValueError


def shared(one, other):
    counts, there = Counter(one), Counter(other)
    return sum(min(count, there[key]) for key, count in counts.items())


def table(one, other):
    """The length of the longest common subsequence, by the whole table."""
    cells = [[0] * (len(other) + 1)]
    for token in one:
        above, row = cells[-1], [0]
        for j, match in enumerate(other):
            row.append(above[j] + 1 if token == match else max(above[j + 1], row[j]))
        cells.append(row)
    return cells[-1][-1]


def ratio(part, whole):
    return part / whole if whole else 0.0


def triple(both, mine, theirs):
    return ratio(both, mine), ratio(both, theirs), ratio(2 * both, mine + theirs)


def of_ngrams(candidate, reference, n):
    mine, theirs = ngrams(candidate, n), ngrams(reference, n)
    return triple(shared(mine, theirs), len(mine), len(theirs))


def of_subsequences(candidate, reference):
    return triple(table(candidate, reference), len(candidate), len(reference))


def best(scores):
    return max(scores, key=lambda score: score[2])


@instead_of("rouge_n")
def counts_without_clipping(candidate, references, n):
    """Every n-gram of the candidate that occurs in the reference is a hit, so "the the the" is said to share three words
    with a text that has one, and recall can exceed 1. Each occurrence can be matched once."""
    check(references, n)
    found = []
    for reference in references:
        mine, theirs = ngrams(candidate, n), ngrams(reference, n)
        found.append(triple(sum(ngram in theirs for ngram in mine), len(mine), len(theirs)))
    return best(found)


@instead_of("rouge_n")
def counts_each_ngram_once(candidate, references, n):
    """Sets are quick to intersect and forget how often something was said, in the shared part as well as in the totals.
    ROUGE is defined on counts: `Counter`, not `set`."""
    check(references, n)
    sets = [(set(ngrams(candidate, n)), set(ngrams(reference, n))) for reference in references]
    return best([triple(len(mine & theirs), len(mine), len(theirs)) for mine, theirs in sets])


@instead_of("rouge_n")
def joins_the_tokens(candidate, references, n):
    """A space between them makes ("New York", "is") and ("New", "York is") one string, so different n-grams match. A tuple
    keeps the tokens apart."""
    check(references, n)
    joined = [[" ".join(ngram) for ngram in ngrams(text, n)] for text in (candidate, *references)]
    return best([triple(shared(joined[0], other), len(joined[0]), len(other)) for other in joined[1:]])


@instead_of("rouge_n")
def exchanges_precision_and_recall(candidate, references, n):
    """Precision divides by what the candidate said, recall by what it should have said. Exchanged, F1 is the same, and a
    summary that is too long looks incomplete instead of wordy."""
    check(references, n)
    precision, recall, f1 = best([of_ngrams(candidate, reference, n) for reference in references])
    return recall, precision, f1


@instead_of("rouge_n")
def divides_by_zero(candidate, references, n):
    """A candidate shorter than n has no n-grams, and one that shares nothing has P + R = 0: two divisions by zero, which
    real outputs reach soon. Decide what they are, here 0."""
    check(references, n)
    found = []
    for reference in references:
        mine, theirs = ngrams(candidate, n), ngrams(reference, n)
        both = shared(mine, theirs)
        precision, recall = both / len(mine), both / len(theirs)
        found.append((precision, recall, 2 * precision * recall / (precision + recall)))
    return best(found)


@instead_of("rouge_n")
def takes_the_best_of_each(candidate, references, n):
    """The highest precision and the highest recall may come from different references: then the triple fits no reference at
    all, and its F1 is not that of its precision and recall."""
    check(references, n)
    return tuple(map(max, zip(*(of_ngrams(candidate, reference, n) for reference in references), strict=True)))


@instead_of("rouge_n")
def pools_the_references(candidate, references, n):
    """Lin's definition sums matches and totals over the references, so recall asks for all of them at once, and each
    further reference lowers it. The package that is used today takes the best one."""
    check(references, n)
    mine, theirs = ngrams(candidate, n), [ngrams(reference, n) for reference in references]
    return triple(sum(shared(mine, other) for other in theirs), len(mine) * len(theirs), sum(map(len, theirs)))


@instead_of("lcs_length")
def takes_the_longest_common_substring(one, other):
    """Resetting the cell to 0 where two tokens differ finds the longest run without gaps, which is another classic. A
    subsequence may skip: the cell inherits the better of its two neighbours."""
    longest, above = 0, [0] * (len(other) + 1)
    for token in one:
        above = [0] + [above[j] + 1 if token == match else 0 for j, match in enumerate(other)]
        longest = max(longest, *above)
    return longest


@instead_of("lcs_length")
def matches_greedily(one, other):
    """Taking each token at the first place where it still fits may jump over most of the other text for the sake of one
    match. Which token to skip cannot be known on the way: that is what the table is for."""
    place = length = 0
    for token in one:
        if token in other[place:]:
            place = list(other).index(token, place) + 1
            length += 1
    return length


@instead_of("lcs_length")
def forgets_the_order(one, other):
    """Counting common tokens is ROUGE-1. A subsequence has to stand in both texts in the same order; a text and its reverse
    share all tokens and hardly a sequence."""
    return shared(one, other)


@instead_of("lcs_length")
def overwrites_the_diagonal(one, other):
    """With one row, row[j - 1] is the new value by the time row[j] is computed, so a single token is counted again for each
    repetition in the other text. Put the old value by before it is overwritten."""
    row = [0] * (len(other) + 1)
    for token in one:
        for j, match in enumerate(other, start=1):
            row[j] = row[j - 1] + 1 if token == match else max(row[j], row[j - 1])
    return row[-1]


@instead_of("lcs_length")
def recurses_to_the_ground(one, other):
    """The recursion with a cache is the definition, and fine for a sentence. It is as deep as both texts are long, and
    Python gives up after a thousand calls: a document needs the loop."""

    @cache
    def of_the_first(i, j):
        if i == 0 or j == 0:
            return 0
        if one[i - 1] == other[j - 1]:
            return of_the_first(i - 1, j - 1) + 1
        return max(of_the_first(i - 1, j), of_the_first(i, j - 1))

    return of_the_first(len(one), len(other))


@instead_of("rouge_l")
def favours_recall(candidate, references):
    """With β = 1.2, as in the script of COCO, recall counts more than precision; Lin's paper lets β grow until only recall
    is left. The scores of two papers differ by that alone: this one asks for β = 1."""
    check(references)
    found = []
    for reference in references:
        precision, recall, _ = of_subsequences(candidate, reference)
        found.append((precision, recall, ratio((1 + 1.2**2) * precision * recall, recall + 1.2**2 * precision)))
    return best(found)


@instead_of("rouge_l")
def takes_the_arithmetic_mean(candidate, references):
    """The mean of precision and recall is at least one half as soon as one of them is perfect: a candidate of a single
    right word has a precision of 1. The harmonic mean stays close to the smaller one."""
    check(references)
    scores = [of_subsequences(candidate, reference) for reference in references]
    return best([(precision, recall, (precision + recall) / 2) for precision, recall, _ in scores])


@instead_of("rouge_l")
def prefers_the_last_of_equals(candidate, references):
    """`>=` in the search for the maximum lets a later reference with the same F1 replace the first, so precision and recall
    depend on how the comparison was written. `max` takes the first."""
    check(references)
    return best([of_subsequences(candidate, reference) for reference in reversed(references)])


@instead_of("rouge_l")
def looks_at_the_first_reference(candidate, references):
    """Only references[0] is compared, which no data set with a single reference will ever show. A list is an invitation to
    a loop."""
    check(references)
    return of_subsequences(candidate, references[0])


@instead_of("rouge_l")
def averages_over_the_references(candidate, references):
    """A mean over references punishes a candidate for being close to one and not to the others. They are alternatives: being
    close to one is what is asked."""
    check(references)
    columns = zip(*(of_subsequences(candidate, reference) for reference in references), strict=True)
    return tuple(sum(column) / len(references) for column in columns)
