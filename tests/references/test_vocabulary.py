"""The reference builds and encodes as the word-level model of the `tokenizers` library does."""

from hypothesis import given, settings
from hypothesis.strategies import integers, lists, sampled_from
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import WordLevelTrainer

import grader.kit  # its settings of Hypothesis  # noqa: F401
from solutions.vocabulary.vocabulary import PADDING, UNKNOWN, Vocabulary

texts = lists(lists(sampled_from(["a", "b", "B", "ab", "é", "語", "🙂", "zz"]), max_size=8), max_size=5)


@settings(max_examples=50)
@given(texts, integers(2, 12), integers(1, 3), texts)
def test_ids_are_those_of_the_library(known, max_size, min_count, other):
    library = Tokenizer(WordLevel(unk_token=UNKNOWN))
    library.pre_tokenizer = WhitespaceSplit()
    trainer = WordLevelTrainer(
        vocab_size=max_size, min_frequency=min_count, special_tokens=[PADDING, UNKNOWN], show_progress=False
    )
    library.train_from_iterator([" ".join(text) for text in known], trainer)
    vocabulary = Vocabulary(known, max_size, min_count)
    assert {token: number for number, token in enumerate(vocabulary.tokens)} == library.get_vocab()
    for text in other:
        assert vocabulary.encode(text).tolist() == library.encode(" ".join(text)).ids
