import copy
import math

from hypothesis import given, settings
from hypothesis.strategies import builds, composite, integers, lists

from exercises.bleu.bleu import bleu, brevity_penalty, clipped_matches
from grader.kit import agrees, refuses, seeds, words

forbids = []

few = settings(max_examples=10)
some = settings(max_examples=15)
orders = integers(1, 4)
sentences = builds(words, seeds, integers(0, 8))
long_sentences = builds(words, seeds, integers(4, 9))


@composite
def corpora(draw, most=3):
    """Up to `most` candidates, each with one to three references; of three words, so that many n-grams match."""
    candidates = draw(lists(sentences, min_size=1, max_size=most))
    return candidates, [draw(lists(long_sentences, min_size=1, max_size=3)) for _ in candidates]


# Longer and shorter than a candidate of 20 words, closest and not, with a word that is clipped.
REFERENCES = [["a"] * 6 + ["b"] * 15, ["a"] * 6 + ["c"] * 13, ["a"] * 4 + ["b"] * 6]


def telling(corpus):
    """Two corpora that show most mistakes: in one, which has a pair of the given one too, 4-grams match, in the other none."""
    candidates, references = corpus
    yield [["a"] * 10 + ["d"] * 10, *candidates[:1]], [REFERENCES, *references[:1]]
    yield [["a", "d"] * 10], [REFERENCES]


def occurrences(ngram, tokens):
    """How often the n-gram stands in the tokens."""
    return sum(list(ngram) == tokens[start : start + len(ngram)] for start in range(len(tokens)))


def matches_by_definition(candidate, references, n):
    ngrams = [tuple(candidate[start : start + n]) for start in range(len(candidate) - n + 1)]
    rewarded = [
        min(occurrences(ngram, candidate), max(occurrences(ngram, reference) for reference in references))
        for ngram in set(ngrams)
    ]
    return sum(rewarded), len(ngrams)


def closest(length, references):
    return min(sorted(map(len, references)), key=lambda other: abs(other - length))


def pooled(candidates, references, n):
    """Matches and total of order n over the whole corpus."""
    counts = [matches_by_definition(*pair, n) for pair in zip(candidates, references, strict=True)]
    return [sum(column) for column in zip(*counts, strict=True)]


def by_definition(candidates, references, max_n, smooth):
    """The brevity penalty times the geometric mean of the precisions."""
    counts = [pooled(candidates, references, n) for n in range(1, max_n + 1)]
    length = sum(map(len, candidates))
    if counts[0][0] == 0 or any(total == 0 for _, total in counts) or (not smooth and any(m == 0 for m, _ in counts)):
        return 0.0
    product, missing = 1.0, 0
    for matches, total in counts:
        missing += matches == 0
        product *= (matches or 0.5**missing) / total
    target = sum(closest(len(c), r) for c, r in zip(candidates, references, strict=True))
    return product ** (1 / max_n) * (1.0 if length >= target else math.exp(1 - target / length))


@some
@given(sentences, lists(sentences, min_size=1, max_size=3), orders)
def test_each_ngram_matches_at_most_as_often_as_in_one_reference(candidate, references, n):
    """Every distinct n-gram counts as often as in the candidate, but no more than in the reference that has most of it."""
    for more in (0, 9):  # of one word, of which each reference has fewer
        both = candidate + ["a"] * more, [reference + ["a"] * (more // 2) for reference in references]
        agrees(clipped_matches(*both, n), matches_by_definition(*both, n))


@few
@given(integers(1, 6), integers(0, 6))
def test_a_word_repeated_is_rewarded_once_per_occurrence(said, there):
    """Of a word that is said `said` times and stands in the reference `there` times, the smaller number matches."""
    agrees(clipped_matches(["the"] * said, [["the"] * there], 1), (min(said, there), said))


@few
@given(integers(1, 4), integers(2, 4))
def test_references_are_not_added_up(there, references):
    """A word that stands `there` times in each of several references matches no more often than that."""
    agrees(clipped_matches(["the"] * 20, [["the"] * there] * references, 1), (there, 20))


@few
@given(sentences, orders)
def test_a_candidate_has_as_many_ngrams_as_places_for_them(candidate, n):
    """The total is the length less n - 1, never below 0; repeated n-grams count each time, and the reference has no say."""
    agrees(clipped_matches(candidate, [["x"] * 5], n), (0, max(0, len(candidate) - n + 1)))


@few
@given(builds(words, seeds, integers(2, 5)), builds(words, seeds, integers(1, 5)))
def test_tokens_are_not_joined(left, right):
    """Tokens that spell the same text, cut at different places, do not match."""
    for space in (" ", "", "_"):
        cut = [space.join(left), space.join(["x", *right])]
        agrees(clipped_matches(cut, [[space.join([*left, "x"]), space.join(right)]], 2), (0, 1))


@few
@given(integers(0, 9), integers(0, 9))
def test_a_candidate_that_is_long_enough_is_not_punished(reference_length, more):
    """A candidate as long as the reference, or longer, has a penalty of 1."""
    agrees(brevity_penalty(reference_length + more + 1, reference_length), 1.0)
    agrees(brevity_penalty(more + 1, more + 1), 1.0)


@few
@given(integers(1, 20), integers(1, 20))
def test_a_short_candidate_is_punished_exponentially(candidate_length, missing):
    """A candidate that is shorter than the reference has a penalty of exp(1 - reference / candidate)."""
    reference_length = candidate_length + missing
    agrees(brevity_penalty(candidate_length, reference_length), math.exp(1 - reference_length / candidate_length))


@few
@given(integers(0, 9))
def test_an_empty_candidate_has_a_penalty_of_zero(reference_length):
    """A candidate of no words has a penalty of 0, whatever the reference."""
    agrees(brevity_penalty(0, reference_length), 0.0)


@some
@given(corpora(), orders)
def test_bleu_is_the_penalty_times_the_geometric_mean(corpus, max_n):
    """Over the whole corpus, BLEU is the brevity penalty times the geometric mean of the precisions, or 0 where one is 0."""
    for texts in (corpus, *telling(corpus)):
        agrees(bleu(*texts, max_n), by_definition(*texts, max_n, smooth=False))


@some
@given(corpora(), orders)
def test_smoothing_halves_its_credit_at_each_missing_order(corpus, max_n):
    """Smoothed, the first order without a match counts half a match, the next a quarter."""
    for texts in (corpus, *telling(corpus)):
        agrees(bleu(*texts, max_n, smooth=True), by_definition(*texts, max_n, smooth=True))


@few
@given(integers(1, 4), integers(4, 12))
def test_an_order_without_a_match_counts_half_a_match(max_n, length):
    """Where words match and nothing longer does, the orders from 2 on count 1/2, 1/4, 1/8 of a match."""
    candidate = ["a", "x"] * length
    expected = [length / (2 * length)] + [0.5**k / (2 * length - k) for k in range(1, max_n)]
    agrees(bleu([candidate], [[["a"] * 2 * length]], max_n, smooth=True), math.prod(expected) ** (1 / max_n))


@few
@given(integers(1, 3), integers(1, 8))
def test_smoothing_leaves_what_matches_alone(max_n, length):
    """Where every order has a match, smoothed BLEU is BLEU."""
    corpus = [["a"] * (length + 4)], [[["a"] * (length + 3)]]
    agrees(bleu(*corpus, max_n, smooth=True), bleu(*corpus, max_n))


@few
@given(lists(long_sentences, min_size=1, max_size=3), lists(sentences, max_size=2))
def test_a_copy_scores_one(candidates, others):
    """Candidates that equal one of their references, and have 4-grams, score 1."""
    agrees(bleu(candidates, [[*others, candidate] for candidate in candidates]), 1.0)


@few
@given(sentences, integers(1, 8), orders)
def test_without_a_word_in_common_the_score_is_zero(candidate, length, max_n):
    """Candidates that share no word with their references score 0, smoothed or not."""
    for smooth in (False, True):
        agrees(bleu([candidate], [[["x"] * length]], max_n, smooth), 0.0)


@few
@given(integers(1, 3), orders)
def test_an_order_that_no_candidate_is_long_enough_for_scores_zero(length, more):
    """Where all candidates are shorter than max_n, the score is 0, even for a copy, smoothed or not."""
    for smooth in (False, True):
        agrees(bleu([["a"] * length] * 2, [[["a"] * length]] * 2, length + more, smooth), 0.0)


@few
@given(integers(4, 8), integers(1, 3))
def test_the_closest_reference_gives_the_length(length, off):
    """The penalty compares with the reference that is closest in length, shorter or longer."""
    longer, far = ["a"] * (length + off), ["a"] * (length + 3 * off)
    agrees(bleu([["a"] * length], [[far, longer]], 1), math.exp(1 - len(longer) / length))
    agrees(bleu([["a"] * length], [[["x"] * (length - off - 1), longer]], 1), math.exp(1 - len(longer) / length))


@few
@given(integers(4, 8), integers(1, 3))
def test_of_two_equally_close_references_the_shorter_counts(length, off):
    """A candidate that lies halfway between two references in length is not punished, in whichever order they stand."""
    both = [["a"] * (length + off), ["x"] * (length - off)]
    for references in (both, both[::-1]):
        agrees(bleu([["a"] * length], [references], 1), 1.0)


@few
@given(corpora())
def test_a_corpus_said_twice_has_the_same_score(corpus):
    """Neither repeating nor reversing the corpus changes the score, and nothing that is given is modified."""
    before = copy.deepcopy(corpus)
    candidates, references = corpus
    agrees(bleu(candidates[::-1] * 2, references[::-1] * 2, 2), bleu(candidates, references, 2))
    agrees(corpus, before)


@few
@given(integers(1, 9), integers(1, 9))
def test_a_long_sentence_weighs_more_than_a_short_one(right, wrong):
    """Of two candidates as long as their references, one right and one wrong, each counts with its length."""
    agrees(bleu([["a"] * right, ["x"] * wrong], [[["a"] * right], [["y"] * wrong]], 1), right / (right + wrong))


@few
@given(integers(1, 5))
def test_a_sentence_without_a_match_does_not_ruin_the_corpus(n):
    """Matches are added up over the corpus, and short or empty candidates add what they have."""
    candidates, references = [["a"] * 4, [], ["x"] * n], [[["a"] * 4], [["b"] * n], [["y"] * n]]
    expected = 1.0
    for order in range(1, 5):
        expected *= (5 - order) / (5 - order + max(0, n + 1 - order))
    agrees(bleu(candidates, references), expected**0.25 * math.exp(1 - (4 + 2 * n) / (4 + n)))


@few
@given(corpora())
def test_what_makes_no_corpus_is_refused(corpus):
    """Unequal numbers, no candidates, a candidate without references, and max_n below 1 raise ValueError."""
    candidates, references = corpus
    wrong = [(candidates, references[1:]), (candidates, [*references, references[0]]), ([], [])]
    for pair in (*wrong, (candidates, [[], *references[1:]])):
        assert refuses(ValueError, bleu, *pair)
    assert refuses(ValueError, bleu, candidates, references, 0)
