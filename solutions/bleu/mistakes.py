import math
from collections import Counter

from grader.kit import Equivalent, instead_of


def ngrams(tokens, n):
    return [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]


def counted(candidate, references, n):
    """Clipped matches and the total."""
    counts = Counter(ngrams(candidate, n))
    most = {ngram: max(ngrams(reference, n).count(ngram) for reference in references) for ngram in counts}
    return sum(min(count, most[ngram]) for ngram, count in counts.items()), sum(counts.values())


def penalty(candidate_length, reference_length):
    if candidate_length == 0:
        return 0.0
    return 1.0 if candidate_length >= reference_length else math.exp(1 - reference_length / candidate_length)


def check(candidates, references, max_n):
    if len(candidates) != len(references) or len(candidates) == 0 or [] in references or max_n < 1:
        raise ValueError


def pooled(candidates, references, max_n):
    """Matches and totals of each order, over the whole corpus."""
    counts = [[counted(*pair, n) for pair in zip(candidates, references, strict=True)] for n in range(1, max_n + 1)]
    return [tuple(map(sum, zip(*of_order, strict=True))) for of_order in counts]


def lengths(candidates, references, key=abs):
    """The candidates' length, and that of the references whose difference to the candidate is smallest by `key`."""
    chosen = [
        min((len(reference) - len(candidate) for reference in own), key=lambda off: (key(off), off)) + len(candidate)
        for candidate, own in zip(candidates, references, strict=True)
    ]
    return sum(map(len, candidates)), sum(chosen)


def smoothed(counts):
    """Matches with half a match, a quarter, … where there is none."""
    missing = 0
    for matches, total in counts:
        missing += matches == 0
        yield matches or 0.5**missing, total


def score(counts, candidate_length, reference_length, smooth):
    """BLEU from matches and totals."""
    if counts[0][0] == 0 or not all(total for _, total in counts) or not (smooth or all(matches for matches, _ in counts)):
        return 0.0
    mean = sum(math.log(matches / total) for matches, total in smoothed(counts)) / len(counts)
    return penalty(candidate_length, reference_length) * math.exp(mean)


@instead_of("clipped_matches")
def counts_without_clipping(candidate, references, n):
    """Every n-gram that occurs in a reference is a hit, however often it is said: "the the the the" then has a precision of
    1. An n-gram is used up by as many repetitions as one reference has."""
    there = {ngram for reference in references for ngram in ngrams(reference, n)}
    mine = ngrams(candidate, n)
    return sum(ngram in there for ngram in mine), len(mine)


@instead_of("clipped_matches")
def adds_the_references_up(candidate, references, n):
    """Counts of several references are summed, so four references with one "the" each allow it four times. They are
    alternatives, each a whole translation: take the largest count, not the sum."""
    counts = Counter(ngrams(candidate, n))
    there = Counter(ngram for reference in references for ngram in ngrams(reference, n))
    return sum(min(count, there[ngram]) for ngram, count in counts.items()), sum(counts.values())


@instead_of("clipped_matches")
def counts_each_ngram_once(candidate, references, n):
    """Sets forget how often something was said: a candidate that repeats itself is punished for nothing, or rewarded.
    Clipping is for counts, so keep them."""
    mine = set(ngrams(candidate, n))
    there = {ngram for reference in references for ngram in ngrams(reference, n)}
    return len(mine & there), len(mine)


@instead_of("clipped_matches")
def joins_the_tokens(candidate, references, n):
    """ " ".join makes ("New York", "is") and ("New", "York is") one string. Tokens from a subword tokenizer may hold spaces
    or be pieces of words, and then wrong n-grams match: a tuple is as short to write."""
    joined = [[" ".join(ngram) for ngram in ngrams(tokens, n)] for tokens in (candidate, *references)]
    return sum(min(joined[0].count(key), max(other.count(key) for other in joined[1:])) for key in set(joined[0])), len(
        joined[0]
    )


@instead_of("clipped_matches")
def divides_by_the_reference(candidate, references, n):
    """Dividing by the n-grams of the reference gives a recall, which is ROUGE. With several references it would ask for the
    words of all of them at once; that is why BLEU measures precision and guards against brevity separately."""
    return counted(candidate, references, n)[0], min(len(ngrams(reference, n)) for reference in references)


@instead_of("brevity_penalty")
def punishes_length(candidate_length, reference_length):
    """The fraction is the wrong way round, so long candidates are punished. Precision punishes those already, with every
    word too many; what it can't see is what is missing."""
    return penalty(reference_length, candidate_length) if candidate_length else 0.0


@instead_of("brevity_penalty")
def multiplies_by_the_ratio(candidate_length, reference_length):
    """candidate / reference looks like the natural penalty, but BLEU's is exp(1 - reference / candidate): hardly different
    close to 1, and far harsher on half a sentence."""
    return (
        min(1.0, candidate_length / reference_length) if reference_length and candidate_length else float(candidate_length > 0)
    )


@instead_of("brevity_penalty")
def divides_by_an_empty_candidate(candidate_length, reference_length):
    """A system that returns nothing should get 0 and not a ZeroDivisionError at the end of a night of decoding. Its limit
    is 0: ask for it first."""
    return math.exp(min(0.0, 1 - reference_length / candidate_length))


@instead_of("bleu")
def averages_over_sentences(candidates, references, max_n=4, smooth=False):
    """A mean of sentence scores is another metric: most single sentences have no 4-gram match and score 0, and short ones
    weigh as much as long ones. Add the counts of the corpus up, and divide once."""
    check(candidates, references, max_n)
    scores = [
        score(pooled([mine], [theirs], max_n), *lengths([mine], [theirs]), smooth)
        for mine, theirs in zip(candidates, references, strict=True)
    ]
    return sum(scores) / len(scores)


@instead_of("bleu")
def penalizes_each_sentence(candidates, references, max_n=4, smooth=False):
    """Precisions are pooled, but the penalty is taken per sentence and averaged, so a short sentence can't be made up for
    by a long one. The paper sums the lengths over the corpus to allow just that."""
    check(candidates, references, max_n)
    pairs = list(zip(candidates, references, strict=True))
    mean = sum(penalty(*lengths([mine], [theirs])) for mine, theirs in pairs) / len(pairs)
    return mean * score(pooled(candidates, references, max_n), 1, 1, smooth)


@instead_of("bleu")
def takes_the_arithmetic_mean(candidates, references, max_n=4, smooth=False):
    """Precisions fall by about a factor with every order, so an arithmetic mean is nearly all unigrams, and word order
    hardly counts. The geometric mean gives each factor the same say."""
    check(candidates, references, max_n)
    counts = pooled(candidates, references, max_n)
    whole = score(counts, *lengths(candidates, references), smooth)
    ratios = [matches / total for matches, total in smoothed(counts)] if whole else [0.0]
    return penalty(*lengths(candidates, references)) * sum(ratios) / len(ratios)


@instead_of("bleu")
def takes_the_shortest_reference(candidates, references, max_n=4, smooth=False):
    """Against the shortest reference hardly anything is too short; NIST's first script did so. With several references, the
    scores come out higher than those with the closest one: say which you used."""
    check(candidates, references, max_n)
    return score(pooled(candidates, references, max_n), *lengths(candidates, references, key=lambda off: off), smooth)


@instead_of("bleu")
def prefers_the_longer_of_two(candidates, references, max_n=4, smooth=False):
    """Of two references equally close in length, `min` takes whichever comes first or, as here, the longer: a candidate
    between them is then punished. The rule is the shorter one, so the distance alone is not enough of a key."""
    check(candidates, references, max_n)
    return score(pooled(candidates, references, max_n), *lengths(candidates, references, lambda off: abs(off - 0.5)), smooth)


@instead_of("bleu")
def adds_one_to_every_order(candidates, references, max_n=4, smooth=False):
    """Add-one is the smoothing of Lin and Och, and an option of several libraries. It changes orders that do have matches,
    and with them every score; sacreBLEU's default touches only those without."""
    check(candidates, references, max_n)
    counts = pooled(candidates, references, max_n)
    if smooth and counts[0][0] and all(total for _, total in counts):
        counts = [counts[0]] + [(matches + 1, total + 1) for matches, total in counts[1:]]
    return score(counts, *lengths(candidates, references), smooth)


@instead_of("bleu")
def gives_half_a_match_each_time(candidates, references, max_n=4, smooth=False):
    """The credit stays at 1/2 for every order without a match, so missing the 4-grams and missing everything from the
    bigrams on cost nearly the same. It is to be halved at each."""
    check(candidates, references, max_n)
    counts = pooled(candidates, references, max_n)
    if smooth and counts[0][0]:
        counts = [(matches or 0.5, total) for matches, total in counts]
    return score(counts, *lengths(candidates, references), smooth)


@instead_of("bleu")
def smooths_where_nothing_matches(candidates, references, max_n=4, smooth=False):
    """Smoothing is meant for a good sentence without a 4-gram in common. Applied to one without a word in common, it hands
    out a few points for nothing, and more the shorter the sentence."""
    check(candidates, references, max_n)
    counts = pooled(candidates, references, max_n)
    if smooth and all(total for _, total in counts):
        counts = list(smoothed(counts))
    return score(counts, *lengths(candidates, references), smooth)


@instead_of("bleu")
def leaves_out_orders_that_do_not_exist(candidates, references, max_n=4, smooth=False):
    """Where no candidate has a 4-gram, the mean is taken over fewer orders: sacreBLEU's "effective order", meant for single
    sentences. It makes short texts comparable with nothing else; at corpus level it is off."""
    check(candidates, references, max_n)
    counts = [count for count in pooled(candidates, references, max_n) if count[1]] or [(0, 0)]
    return score(counts, *lengths(candidates, references), smooth)


@instead_of("bleu")
def takes_the_logarithm_of_zero(candidates, references, max_n=4, smooth=False):
    """log(0) raises in Python (in numpy it is -inf with a warning), so the first bad model of a sweep stops the evaluation. One
    precision of 0 makes the score 0: ask before the logarithm."""
    check(candidates, references, max_n)
    counts = pooled(candidates, references, max_n)
    if not all(total for _, total in counts) or (smooth and counts[0][0] == 0):
        return 0.0
    counts = list(smoothed(counts)) if smooth else counts
    mean = sum(math.log(matches / total) for matches, total in counts) / max_n
    return penalty(*lengths(candidates, references)) * math.exp(mean)


equivalents = [
    Equivalent("bleu: True → False", "the numbers of candidates and of lists of references were compared before"),
    Equivalent("bleu: True → False (2)", "matches and totals both have max_n entries"),
]
