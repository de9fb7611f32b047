from collections import Counter
from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, sampled_from

from exercises.bpe_tokenizer.bpe_tokenizer import decode, encode, train
from exercises.bpe_tokenizer.given import pieces
from grader.kit import agrees, built_in_text, refuses, seeds

forbids = []

few = settings(max_examples=10)
LETTERS = "aaaabbc"  # few letters, so that there is something to merge
SIGNS = LETTERS + "   \n1._é語語🙂🙂"


@composite
def texts(draw, signs=SIGNS, shortest=0, longest=60):
    """Texts of a few different characters of one to four bytes, with runs and with several spaces."""
    drawn = torch.randint(
        len(signs), (draw(integers(shortest, longest)),), generator=torch.Generator().manual_seed(draw(seeds))
    )
    return "".join(signs[i] for i in drawn.tolist())


@composite
def any_texts(draw):
    """Texts of arbitrary characters, from a single one on: all that UTF-8 can encode."""
    generator = torch.Generator().manual_seed(draw(seeds))
    points = torch.randint(0x110000 - 0x800, (draw(integers(1, 12)),), generator=generator).tolist()
    return "".join(chr(point if point < 0xD800 else point + 0x800) for point in points)


sizes = integers(256, 280)


def three_letters(seed):
    drawn = torch.randperm(26, generator=torch.Generator().manual_seed(seed))[:3]
    return [chr(ord("a") + i) for i in drawn.tolist()]


def ids_of(numbers):
    return torch.tensor(list(numbers), dtype=torch.int64)


def replaced(word, pair, new):
    """The word with every occurrence of the pair, from left to right, made one token."""
    found = []
    for token in word:
        found.append(token)
        if tuple(found[-2:]) == pair:
            found[-2:] = [new]
    return found


def recounted(text, vocab_size):
    """The definition: all pairs are counted anew before every merge."""
    words, merges = [list(piece.encode()) for piece in pieces(text)], []
    while len(merges) < vocab_size - 256:
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        merges.append(min(counts, key=lambda pair: (-counts[pair], pair)))
        words = [replaced(word, merges[-1], 255 + len(merges)) for word in words]
    return merges


def replayed(text, merges):
    """The definition: one merge after the other, in every piece."""
    words = [list(piece.encode()) for piece in pieces(text)]
    for number, pair in enumerate(merges):
        words = [replaced(word, pair, 256 + number) for word in words]
    return ids_of(token for word in words for token in word)


def tokens_of(merges):
    """The bytes of every token."""
    tokens = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return tokens


@given(texts(), sizes)
def test_merges_are_those_of_counting_anew(text, vocab_size):
    """The merges are those that are found when all pairs are counted again before each."""
    agrees(train(text, vocab_size), recounted(text, vocab_size))


@settings(max_examples=2)
@given(integers(0, 400_000))
def test_real_text_is_no_exception(start):
    """On a page of prose, too, the merges are those of counting anew."""
    text = built_in_text()[start : start + 2000]
    agrees(train(text, 290), recounted(text, 290))


@few
@given(texts())
def test_the_most_frequent_pair_comes_first(text):
    """No pair of bytes occurs more often, in all pieces together, than the one that is merged first."""
    counts = Counter(pair for piece in pieces(text) for pair in pairwise(piece.encode()))
    agrees([counts[pair] for pair in train(text, 257)], [max(counts.values())] if counts else [])


@few
@given(integers(1, 6), integers(2, 5))
def test_a_piece_counts_as_often_as_it_occurs(kinds, times):
    """A pair in one piece that comes often beats a pair in several pieces that come once."""
    text = "zq " + " ".join(f"xy{letter}" for letter in "abcdef"[:kinds]) + "\nvw" * (kinds + times)
    agrees(train(text, 257), [(ord("v"), ord("w"))])


@few
@given(integers(3, 9), integers(1, 3))
def test_a_run_counts_at_every_place(length, times):
    """A pair of equal bytes occurs at every place of a run but the last, those that overlap included."""
    text = "\n".join(["b" * length] * times + ["xy"] * ((length - 1) * times - 1))
    agrees(train(text, 257), [(ord("b"), ord("b"))])


@few
@given(integers(2, 8))
def test_ties_go_to_the_smallest_pair(number):
    """Where all pairs are equally frequent, they are merged in rising order."""
    pairs = [(ord("a") + 2 * i, ord("b") + 2 * i) for i in range(number)]
    agrees(train("\n".join(map(bytes.decode, map(bytes, pairs))), 300), pairs)


@few
@given(seeds, integers(2, 8))
def test_the_order_of_the_text_does_not_decide(seed, number):
    """Equally frequent pairs are merged alike wherever they stand in the text."""
    words = [chr(ord("a") + 2 * i) + chr(ord("b") + 2 * i) for i in range(number)]
    order = torch.randperm(number, generator=torch.Generator().manual_seed(seed)).tolist()
    agrees(train("\n".join(words[i] for i in order), 300), train("\n".join(words), 300))


@few
@given(texts(), sizes)
def test_no_token_crosses_a_border(text, vocab_size):
    """Every token lies within some piece of the text that it was learned from."""
    whole = [piece.encode() for piece in pieces(text)]
    for token in tokens_of(train(text, vocab_size))[256:]:
        assert any(token in piece for piece in whole)


@few
@given(texts(), sizes, integers(0, 24))
def test_a_larger_vocabulary_only_adds(text, vocab_size, fewer):
    """The merges for a smaller vocabulary are the first of those for a larger one."""
    smaller = max(256, vocab_size - fewer)
    agrees(train(text, smaller), train(text, vocab_size)[: smaller - 256])


@few
@given(texts(longest=25))
def test_in_the_end_every_piece_is_one_token(text):
    """With room enough, all merges are made that there are, also of pairs that occur once."""
    tokens = tokens_of(train(text, 1000))
    assert all(piece.encode() in tokens for piece in pieces(text))


@few
@given(texts(), integers(-300, 255))
def test_a_vocabulary_without_all_bytes_is_refused(text, vocab_size):
    """A vocab_size below 256 raises ValueError, and 256 needs no merge."""
    assert refuses(ValueError, train, text, vocab_size)
    agrees(train(text, 256), [])


@few
@given(texts("abc", shortest=100, longest=300), integers(262, 280), texts("abc", shortest=20))
def test_merges_are_made_in_the_order_of_learning(known, vocab_size, text):
    """The ids are those that are left when every merge is made in turn."""
    merges = recounted(known, vocab_size)
    agrees(encode(text, merges), replayed(text, merges))


@few
@given(seeds, integers(3, 6))
def test_a_late_merge_takes_nothing_from_an_early_one(seed, times):
    """Where y z was learned before x y, the piece x y z keeps its y z, and is one token if that was learned."""
    x, y, z = three_letters(seed)
    merges = recounted("\n".join([y + z] * times + [x + y + z] * 3 + [x + y] * 2), 259)
    agrees(encode(x + y + z, merges), ids_of([257]))


@few
@given(seeds, integers(3, 6))
def test_an_early_merge_beats_a_longer_beginning(seed, times):
    """Where y z was learned before x y, the piece x y z is x and y z, though a token begins with x y."""
    x, y, z = three_letters(seed)
    merges = recounted("\n".join([y + z] * times + [x + y] * 2), 258)
    agrees(encode(x + y + z, merges), ids_of([ord(x), 256]))


@few
@given(texts(longest=300), texts(shortest=1))
def test_pieces_are_encoded_apart(known, text):
    """The ids of a text are those of its pieces, one after the other."""
    merges = recounted(known + 3 * "a    a", 280)  # which has a token of two spaces
    text += "a  a"  # where the second space belongs to a piece with the letter
    apart = [encode(piece, merges) for piece in pieces(text)]
    agrees(encode(text, merges), torch.cat([ids_of([]), *apart]))


@few
@given(any_texts())
def test_without_merges_a_text_is_its_bytes(text):
    """The ids of a text are then its bytes in UTF-8, int64 [n], and those of no text int64 [0]."""
    agrees(encode(text, []), ids_of(text.encode()))
    agrees(encode("", []), ids_of([]))


@few
@given(any_texts(), texts(), sizes)
def test_every_text_comes_back(text, known, vocab_size):
    """Whatever the text and whatever the merges were learned from, decoding undoes encoding."""
    merges = recounted(known, vocab_size)
    agrees(decode(encode(text, merges), merges), text)
    agrees(decode(encode(known, merges), merges), known)


@few
@given(texts("aaabb  \0"), sizes)
def test_ascii_comes_back(text, vocab_size):
    """ASCII text comes back from its ids, the character 0 too."""
    merges = recounted(text, vocab_size)
    agrees(decode(replayed(text, merges), merges), text)


@few
@given(texts("語é🙂"), sizes)
def test_a_character_may_be_several_tokens(text, vocab_size):
    """Characters whose bytes belong to different tokens come back whole."""
    merges = recounted(text, vocab_size)
    agrees(decode(replayed(text, merges), merges), text)


@few
@given(integers(0, 5))
def test_a_character_may_be_one_token(times):
    """A token that holds the two bytes of an é is an é."""
    agrees(decode(ids_of([256] * times), [tuple("é".encode())]), "é" * times)


@few
@given(seeds)
def test_any_ids_make_a_text(seed):
    """Bytes in an order that no text has are no error."""
    ids = torch.randint(256, (8,), generator=torch.Generator().manual_seed(seed))
    assert isinstance(decode(ids, []), str)


@few
@given(texts("語é🙂a", longest=8), integers(0, 32), sampled_from([0xFF, 0xE8, 0x80]))
def test_broken_characters_can_be_seen(text, length, byte):
    """Bytes that are no UTF-8 become U+FFFD, as Python replaces them."""
    broken = text.encode()[:length] + bytes([byte])
    agrees(decode(ids_of(broken), []), broken.decode(errors="replace"))


@few
@given(texts("abc"), sampled_from([torch.int16, torch.int32, torch.int64]))
def test_any_integers_decode(text, dtype):
    """The dtype of the ids and their place in memory do not matter."""
    merges = recounted(text, 270)
    ids = replayed(text, merges).to(dtype).repeat_interleave(2)[::2]
    agrees(decode(ids, merges), text)


@few
@given(texts(), sizes, integers(0, 9))
def test_an_impossible_id_is_refused(text, vocab_size, beyond):
    """An id that no token has, below zero or above, raises IndexError."""
    merges = recounted(text, vocab_size)
    for number in (-1 - beyond, 256 + len(merges) + beyond):
        assert refuses(IndexError, decode, ids_of([97, number]), merges)
