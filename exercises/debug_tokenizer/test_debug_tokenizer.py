from collections import Counter

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists, sampled_from, text

from exercises.debug_tokenizer.debug_tokenizer import PADDING, UNKNOWN, build, encode, padded, words
from grader.kit import agrees

forbids = []

few = settings(max_examples=15)
mixed = text("aB1_ é\n模型好。,!", max_size=12)
latin = text("abc ", max_size=20)
chinese = text("模型很好一龥鿿", max_size=8)


def by_definition(text):
    """Character by character: a word is open as long as letters follow that are not Chinese."""
    found, is_open = [], False
    for character in text.lower():
        is_run = (character.isalnum() or character == "_") and not "\u4e00" <= character <= "\u9fff"
        if is_run and is_open:
            found[-1] += character
        elif not character.isspace():
            found.append(character)
        is_open = is_run
    return found


@few
@given(chinese)
def test_every_chinese_character_is_a_word(sentence):
    """A sentence in Chinese has as many words as characters."""
    agrees(words(sentence), list(sentence))


@given(mixed)
def test_words_are_what_the_brief_says(sentence):
    """Chinese characters alone, runs of other letters and digits together, any other sign alone, spaces nowhere."""
    agrees(words(sentence), by_definition(sentence))


@few
@given(lists(sampled_from(["the", "Cat", "sat_2", "!", ","]), max_size=6))
def test_english_is_cut_at_spaces(sentence):
    """Words and signs between spaces come back one by one, in lower case."""
    agrees(words("  ".join(sentence)), [word.lower() for word in sentence])


@few
@given(lists(latin, max_size=4), integers(2, 8))
def test_every_id_has_a_row(texts, size):
    """Ids lie from 2 to size - 1, and no two words share one."""
    ids = list(build(texts, size).values())
    assert all(2 <= number < size for number in ids)
    assert len(set(ids)) == len(ids)


@given(lists(latin, max_size=4), integers(2, 8))
def test_the_most_frequent_words_are_kept(texts, size):
    """By frequency, of equals the first to occur, as many as have a row."""
    counts = Counter(" ".join(texts).split())
    order = sorted(counts, key=lambda word: -counts[word])
    agrees(build(texts, size), {word: place + 2 for place, word in enumerate(order[: size - 2])})


@few
@given(latin)
def test_with_rows_to_spare_every_word_is_kept(sentence):
    """A vocabulary that is large enough knows every word of its texts."""
    assert set(build([sentence], 50)) == set(sentence.split())


@few
@given(latin, latin)
def test_known_words_have_their_ids_and_others_are_unknown(known, sentence):
    """Word by word: the id from the vocabulary, or UNKNOWN."""
    vocabulary = {word: place + 2 for place, word in enumerate(sorted(set(known.split())))}
    agrees(encode(sentence, vocabulary), [vocabulary.get(word, UNKNOWN) for word in sentence.split()])


@few
@given(latin)
def test_no_word_is_taken_for_padding(sentence):
    """An empty vocabulary makes every word unknown, and none padding."""
    ids = encode(sentence, {})
    assert PADDING not in ids
    assert len(ids) == len(sentence.split())


@few
@given(lists(lists(integers(0, 9), max_size=5), min_size=1, max_size=4))
def test_rows_are_filled_up_at_the_right(rows):
    """Each row stands at the left of its line and PADDING behind it; the mask is True where the row is."""
    ids, mask = padded(rows)
    longest = max(map(len, rows))
    agrees(ids, torch.tensor([row + [PADDING] * (longest - len(row)) for row in rows], dtype=torch.int64))
    agrees(mask, torch.tensor([[place < len(row) for place in range(longest)] for row in rows], dtype=torch.bool))
