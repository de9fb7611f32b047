"""Holds the reference of `rouge` to the package rouge-score, on random texts."""

import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers

from grader.kit import agrees, seeds, words
from solutions.rouge.rouge import rouge_l, rouge_n


class Whitespace:
    """A tokenizer that leaves single letters alone, where the package's own one might not."""

    @staticmethod
    def tokenize(text):
        return text.split()


def alike(got, score):
    for mine, theirs in zip(got, (score.precision, score.recall, score.fmeasure), strict=True):
        agrees(mine, float(theirs))


@pytest.mark.dev
@settings(max_examples=60)
@given(seeds, integers(0, 12), integers(1, 4))
def test_it_is_the_score_of_rouge_score(seed, length, references):
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rouge3", "rougeL"], tokenizer=Whitespace())
    candidate = words(seed, length)
    for text in (words(seed + 1 + i, (seed + 5 * i) % 11) for i in range(references)):
        found = scorer.score(" ".join(text), " ".join(candidate))
        for n in (1, 2, 3):
            alike(rouge_n(candidate, [text], n), found[f"rouge{n}"])
        alike(rouge_l(candidate, [text]), found["rougeL"])


@pytest.mark.dev
@settings(max_examples=40)
@given(seeds, integers(2, 12), integers(2, 4))
def test_of_several_references_rouge_score_takes_the_best_f1(seed, length, references):
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge2", "rougeL"], tokenizer=Whitespace())
    candidate, texts = words(seed, length), [words(seed + 1 + i, 2 + (seed + 5 * i) % 11) for i in range(references)]
    found = scorer.score_multi(list(map(" ".join, texts)), " ".join(candidate))
    agrees(rouge_n(candidate, texts, 2)[2], float(found["rouge2"].fmeasure))
    agrees(rouge_l(candidate, texts)[2], float(found["rougeL"].fmeasure))
