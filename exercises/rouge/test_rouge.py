import copy
from itertools import combinations

from hypothesis import given, settings
from hypothesis.strategies import builds, integers, lists, permutations, sampled_from

from exercises.rouge.rouge import lcs_length, rouge_l, rouge_n
from grader.kit import agrees, refuses, seeds, words

forbids = []

few = settings(max_examples=10)
some = settings(max_examples=20)
orders = integers(1, 3)
sentences = builds(words, seeds, integers(0, 8))
long_sentences = builds(words, seeds, integers(3, 9))
NOTHING = 0.0, 0.0, 0.0


def same(got, expected):
    """Three floats, up to rounding."""
    assert isinstance(got, tuple)
    assert len(got) == 3
    for one, other in zip(got, expected, strict=True):
        agrees(one, other)


def shared_ngrams(one, other, n):
    """Strike out of the other text each n-gram of the one: how many could be struck out, and how many each text has."""
    mine, theirs = ([tuple(text[k : k + n]) for k in range(len(text) - n + 1)] for text in (one, other))
    left = theirs.copy()
    for ngram in mine:
        if ngram in left:
            left.remove(ngram)
    return len(theirs) - len(left), len(mine), len(theirs)


def is_a_subsequence(tokens, text):
    rest = iter(text)
    return all(token in rest for token in tokens)


def longest_common(one, other):
    """Try all subsequences of the one, the longest first."""
    return next(k for k in range(len(one), -1, -1) if any(is_a_subsequence(part, other) for part in combinations(one, k)))


def ratios(shared, mine, theirs):
    precision, recall = shared / mine if mine else 0.0, shared / theirs if theirs else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if shared else 0.0


def is_the_best_of(got, alone):
    """Its F1 is the highest, and all of it is one of the others, whichever has that F1."""
    agrees(got[2], max(f1 for _, _, f1 in alone))
    same(got, min(alone, key=lambda each: sum(abs(x - y) for x, y in zip(each, got, strict=True))))


def with_rivals(candidate, references):
    """The references, and once more beside one that is best at recall and one that is best at precision."""
    return references, [*references, candidate[:3], [*candidate, *"xyz"]]


@some
@given(sentences, sentences, orders)
def test_precision_and_recall_share_the_same_ngrams(candidate, reference, n):
    """What is shared, with repetitions, is divided by the n-grams of either text; F1 is the harmonic mean."""
    same(rouge_n(candidate, [reference], n), ratios(*shared_ngrams(candidate, reference, n)))


@few
@given(integers(1, 6), integers(1, 6))
def test_a_repeated_word_is_shared_as_often_as_in_both(said, there):
    """Of a word that is said `said` times here and `there` times there, the smaller number is shared."""
    same(rouge_n(["the"] * said, [["the"] * there], 1), ratios(min(said, there), said, there))


@few
@given(integers(1, 5), integers(0, 5), integers(0, 5))
def test_precision_is_of_the_candidate(shared, mine, theirs):
    """Words of the candidate that are not in the reference lower the precision, and missing ones the recall."""
    candidate, reference = ["a"] * shared + ["x"] * mine, ["a"] * shared + ["y"] * theirs
    expected = ratios(shared, shared + mine, shared + theirs)
    for got in (rouge_n(candidate, [reference], 1), rouge_l(candidate, [reference])):
        agrees(got[0], expected[0])
        agrees(got[1], expected[1])


@few
@given(integers(1, 5), integers(0, 5), integers(0, 5))
def test_f1_favours_neither(shared, mine, theirs):
    """F1 is twice what is shared over the sum of both lengths, for ROUGE-1 and for ROUGE-L."""
    candidate, reference = ["a"] * shared + ["x"] * mine, ["a"] * shared + ["y"] * theirs
    for got in (rouge_n(candidate, [reference], 1), rouge_l(candidate, [reference])):
        agrees(got[2], 2 * shared / (2 * shared + mine + theirs))


@few
@given(builds(words, seeds, integers(2, 5)), builds(words, seeds, integers(1, 5)))
def test_tokens_are_not_joined(left, right):
    """Tokens that spell the same text, cut at different places, share nothing."""
    for space in (" ", "", "_"):
        cut = [space.join(left), space.join(["x", *right])]
        same(rouge_n(cut, [[space.join([*left, "x"]), space.join(right)]], 2), NOTHING)


@few
@given(long_sentences.flatmap(lambda text: permutations(text).map(lambda other: (text, other))), sentences)
def test_single_words_have_no_order(texts, reference):
    """Shuffling the candidate does not change ROUGE-1."""
    same(rouge_n(texts[1], [reference], 1), rouge_n(texts[0], [reference], 1))


@some
@given(builds(words, seeds, integers(0, 7), integers(1, 4)), sentences)
def test_a_subsequence_is_the_longest_that_is_in_both(one, other):
    """No subsequence of the one text that is longer stands in the other, and one of that length does."""
    for text in (other, one[::-1]):
        agrees(lcs_length(one, text), longest_common(one, text))


@few
@given(long_sentences, integers(0, 4))
def test_a_subsequence_may_have_gaps(text, gap):
    """Foreign tokens between those of a text leave it a subsequence."""
    stretched = [token for word in text for token in (word, *["x"] * gap)]
    agrees(lcs_length(text, stretched), len(text))
    agrees(lcs_length(stretched, ["y", *text]), len(text))


@few
@given(integers(1, 9))
def test_a_subsequence_keeps_the_order(length):
    """A text of different tokens and its reverse have one token in common, in order."""
    text = [str(place) for place in range(length)]
    agrees(lcs_length(text, text[::-1]), 1)


@few
@given(sentences, sentences, sampled_from("ax"))
def test_a_common_ending_is_always_used(one, other, token):
    """A token appended to both texts, or put before both, makes their subsequence longer by one."""
    for mine, theirs, same_token in ((one, other, token), (["x", *one], one, "x")):
        length = lcs_length(mine, theirs)
        agrees(lcs_length([*mine, same_token], [*theirs, same_token]), length + 1)
        agrees(lcs_length([same_token, *mine], [same_token, *theirs]), length + 1)


@few
@given(integers(1, 8), integers(1, 8))
def test_no_token_is_used_twice(one, other):
    """A word repeated has as much in common with another repetition of it as the shorter one is long."""
    agrees(lcs_length(["a"] * one, ["a"] * other), min(one, other))


@settings(max_examples=3)
@given(integers(1, 3))
def test_a_long_text_is_no_exception(few_tokens):
    """A text of thousands of tokens beside a short one is read to its end, on either side."""
    short = ["a"] * few_tokens
    long = ["x"] * 2_000 + short + ["x"] * 2_000
    agrees(lcs_length(long, short), few_tokens)
    agrees(lcs_length(short, long), few_tokens)


@some
@given(sentences, sentences)
def test_rouge_l_is_the_share_of_the_subsequence(candidate, reference):
    """ROUGE-L is the length of the longest common subsequence over the length of each text, and their harmonic mean."""
    for text in (reference, candidate[::-1]):
        expected = ratios(longest_common(candidate, text), len(candidate), len(text))
        same(rouge_l(candidate, [text]), expected)


@few
@given(sentences, sentences, orders)
def test_exchanging_the_texts_exchanges_precision_and_recall(candidate, reference, n):
    """What is precision one way is recall the other way, and F1 is the same both ways."""
    for score in (lambda one, other: rouge_n(one, [other], n), lambda one, other: rouge_l(one, [other])):
        for one, other in ((candidate, reference), (["x", *candidate], [*candidate, "x"])):
            precision, recall, f1 = score(one, other)
            same(score(other, one), (recall, precision, f1))


@few
@given(long_sentences, lists(sentences, max_size=2), orders)
def test_a_copy_scores_one(candidate, others, n):
    """A candidate that is one of its references scores 1 throughout."""
    for got in (rouge_n(candidate, [*others, candidate], n), rouge_l(candidate, [*others, candidate])):
        same(got, (1.0, 1.0, 1.0))


@few
@given(sentences, sampled_from([[], ["x"], ["x"] * 5]), orders)
def test_nothing_shared_is_zero(candidate, reference, n):
    """Texts that share nothing, and empty ones, score 0 throughout, on either side."""
    for pair in ((candidate, [reference]), (reference, [candidate]), ([], [[]])):
        same(rouge_n(*pair, n), NOTHING)
        same(rouge_l(*pair), NOTHING)


@few
@given(long_sentences, lists(sentences, min_size=1, max_size=3), orders)
def test_rouge_n_is_that_of_the_best_reference(candidate, references, n):
    """Of several references, ROUGE-N has the highest F1, with the precision and recall of a reference that gives it."""
    for texts in with_rivals(candidate, references):
        is_the_best_of(rouge_n(candidate, texts, n), [rouge_n(candidate, [text], n) for text in texts])


@few
@given(long_sentences, lists(sentences, min_size=1, max_size=3))
def test_rouge_l_is_that_of_the_best_reference(candidate, references):
    """Of several references, ROUGE-L has the highest F1, with the precision and recall of a reference that gives it."""
    for texts in with_rivals(candidate, references):
        is_the_best_of(rouge_l(candidate, texts), [rouge_l(candidate, [text]) for text in texts])


@few
@given(integers(1, 4))
def test_of_equal_references_the_first_counts(length):
    """Of two references with the same F1, the first one gives precision and recall."""
    candidate, short = ["a"] * length + ["b"] * length, ["a"] * length
    long = [*candidate, *["x"] * 2 * length]
    for references, expected in (([short, long], (0.5, 1.0, 2 / 3)), ([long, short], (1.0, 0.5, 2 / 3))):
        same(rouge_n(candidate, references, 1), expected)
        same(rouge_l(candidate, references), expected)


@few
@given(sentences, lists(sentences, min_size=1, max_size=2))
def test_nothing_that_is_given_is_modified(candidate, references):
    """The texts are afterwards what they were before."""
    before = copy.deepcopy((candidate, references))
    rouge_n(candidate, references, 1), rouge_l(candidate, references), lcs_length(candidate, references[0])
    agrees((candidate, references), before)


@few
@given(sentences)
def test_what_cannot_be_scored_is_refused(text):
    """No references, and n below 1, raise ValueError."""
    assert refuses(ValueError, rouge_n, text, [], 1)
    assert refuses(ValueError, rouge_l, text, [])
    assert refuses(ValueError, rouge_n, text, [text], 0)
    assert refuses(ValueError, rouge_n, text, [text], -1)
