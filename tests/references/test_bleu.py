"""Holds the reference of `bleu` to sacreBLEU, on random corpora."""

import pytest
from hypothesis import given, settings
from hypothesis.strategies import booleans, integers

from grader.kit import agrees, seeds, words
from solutions.bleu.bleu import bleu


@pytest.mark.dev
@settings(max_examples=60)
@given(seeds, integers(1, 5), integers(1, 3), integers(1, 4), booleans())
def test_it_is_the_corpus_score_of_sacrebleu(seed, candidates, references, max_n, smooth):
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize="none", force=True, smooth_method="exp" if smooth else "none", max_ngram_order=max_n)
    texts = [words(seed + i, (seed + 5 * i) % 9) for i in range(candidates)]
    streams = [
        [words(seed + 10 * j + i, 1 + (seed + 3 * i + j) % 9) for i in range(candidates)] for j in range(1, references + 1)
    ]
    joined = metric.corpus_score(
        [" ".join(text) for text in texts], [[" ".join(text) for text in stream] for stream in streams]
    )
    agrees(bleu(texts, list(zip(*streams, strict=True)), max_n, smooth), joined.score / 100)
