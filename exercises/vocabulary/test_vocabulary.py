from collections import Counter

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, sampled_from

from exercises.vocabulary.vocabulary import Vocabulary
from grader.kit import agrees, refuses, seeds

forbids = []

WORDS = ["a", "b", "B", "ab", "é", "語", "🙂", "<PAD>"]
few = settings(max_examples=10)


@composite
def corpora(draw, most=5):
    """Some texts, empty ones among them, whose tokens come from WORDS with many ties."""
    shape = draw(integers(0, most)), draw(integers(0, 6))
    generator = torch.Generator().manual_seed(draw(seeds))
    lengths = torch.randint(shape[1] + 1, shape[:1], generator=generator).tolist()
    return [[WORDS[i] for i in torch.randint(len(WORDS), (length,), generator=generator).tolist()] for length in lengths]


def counted(texts):
    return Counter(token for text in texts for token in text)


def by_definition(vocabulary, texts):
    """The ids of every text, looked up in the list of tokens one by one."""
    return [[vocabulary.tokens.index(token) if token in vocabulary.tokens else 1 for token in text] for text in texts]


def ids_of(*numbers):
    return torch.tensor(numbers, dtype=torch.int64)


@few
@given(corpora())
def test_padding_and_unknown_come_first(texts):
    """The ids 0 and 1 belong to <pad> and <unk>, whatever the texts are."""
    agrees(Vocabulary(texts).tokens[:2], ["<pad>", "<unk>"])


@few
@given(corpora())
def test_every_token_has_one_entry(texts):
    """Without limits, each token of the texts has exactly one entry, and there are no others."""
    agrees(sorted(Vocabulary(texts).tokens[2:]), sorted(counted(texts)))


@given(corpora())
def test_frequent_tokens_come_first(texts):
    """A token never stands before one that occurs more often."""
    texts = [*texts, ["x", "y", "y"]]  # of these two, one order only is right
    counts = [counted(texts)[token] for token in Vocabulary(texts).tokens[2:]]
    agrees(counts, sorted(counts, reverse=True))


@given(corpora())
def test_equal_counts_come_in_the_order_of_strings(texts):
    """Tokens that occur equally often come in the order of `sorted`, in however many texts."""
    texts = [*texts, ["x", "x"], ["y"], ["y"]]
    tokens, counts = Vocabulary(texts).tokens[2:], counted(texts)
    for count in set(counts.values()):
        alike = [token for token in tokens if counts[token] == count]
        agrees(alike, sorted(alike))


@few
@given(corpora())
def test_the_order_of_the_texts_does_not_matter(texts):
    """The same tokens in another order give the same ids."""
    backwards = [text[::-1] for text in texts[::-1]]
    agrees(Vocabulary(backwards).tokens, Vocabulary(texts).tokens)


@few
@given(corpora(), integers(2, 10))
def test_max_size_counts_every_entry(texts, max_size):
    """With max_size, the first max_size entries are left, the special ones among them, and `len` counts them."""
    texts = [*texts, WORDS]  # enough for every size
    limited = Vocabulary(texts, max_size=max_size)
    agrees(limited.tokens, Vocabulary(texts).tokens[:max_size])
    agrees(len(limited), len(limited.tokens))


@few
@given(corpora(), integers(1, 4))
def test_min_count_is_the_least_count(texts, min_count):
    """A token stays if, and only if, it occurs at least min_count times."""
    frequent = [token for token, count in counted(texts).items() if count >= min_count]
    agrees(sorted(Vocabulary(texts, min_count=min_count).tokens[2:]), sorted(frequent))


@few
@given(integers(2, 6))
def test_a_token_counts_at_every_place_of_a_text(times):
    """A token that occurs often in a single text occurs often."""
    agrees(Vocabulary([["a"] * times, ["b"] * (times - 1)], min_count=times).tokens[2:], ["a"])


@few
@given(corpora())
def test_generators_will_do(texts):
    """Texts that can be read only once, and tokens that can, give what lists give."""
    lists, once = Vocabulary(texts), Vocabulary(map(iter, texts))
    agrees(once.tokens, lists.tokens)
    agrees(lists.encode_batch(map(iter, texts)), lists.encode_batch(texts))


@few
@given(corpora())
def test_known_tokens_get_their_ids(texts):
    """The id of a token is its place in the list of tokens."""
    vocabulary = Vocabulary(texts)
    for text, ids in zip(texts, by_definition(vocabulary, texts), strict=True):
        agrees(vocabulary.encode(text), ids_of(*ids))


@few
@given(corpora(), corpora())
def test_unknown_tokens_become_one(texts, others):
    """A token that the vocabulary lacks gets id 1, and its place in the text stays."""
    vocabulary = Vocabulary(texts)
    for text, ids in zip(others, by_definition(vocabulary, others), strict=True):
        agrees(vocabulary.encode(text), ids_of(*ids))


@few
@given(corpora(), corpora())
def test_every_token_counts(texts, others):
    """There are as many ids as tokens, known or not."""
    vocabulary = Vocabulary(texts)
    agrees([len(vocabulary.encode(text)) for text in others], [len(text) for text in others])


@few
@given(corpora())
def test_no_tokens_have_no_ids(texts):
    """An empty text is int64 [0], and so it is in the row of a batch; no texts are [0, 0]."""
    agrees(Vocabulary(texts).encode([]), ids_of())
    for number in (2, 0):
        agrees(Vocabulary(texts).encode_batch([[]] * number), torch.zeros(number, 0, dtype=torch.int64))


@few
@given(corpora(), integers(0, 3))
def test_special_names_get_no_entry_of_their_own(texts, times):
    """Texts that contain <pad> and <unk>, however often, have the vocabulary that they have without them."""
    agrees(Vocabulary([*texts, ["<pad>", "<unk>"] * times]).tokens, Vocabulary(texts).tokens)


@few
@given(corpora(), sampled_from(["<pad>", "<unk>"]))
def test_no_text_can_ask_for_padding(texts, name):
    """The words <pad> and <unk> in a text are encoded as unknown."""
    agrees(Vocabulary([*texts, [name, "a"]]).encode(["a", name, "a"])[1:2], ids_of(1))


@few
@given(corpora())
def test_a_batch_holds_its_texts_and_zeros_on_the_right(texts):
    """Row i of a batch is text i encoded alone, then zeros up to the length of the longest."""
    vocabulary, texts = Vocabulary(texts), [*texts, ["a"], ["a"] * 3]
    rows, longest = [vocabulary.encode(text).tolist() for text in texts], max(map(len, texts), default=0)
    filled = [row + [0] * (longest - len(row)) for row in rows]
    agrees(vocabulary.encode_batch(texts), torch.tensor(filled, dtype=torch.int64).reshape(len(texts), longest))


@few
@given(corpora())
def test_the_texts_survive(texts):
    """The caller's lists are not modified."""
    before = [text[:] for text in texts]
    Vocabulary(texts).encode_batch(texts)
    agrees(texts, before)


@few
@given(corpora())
def test_decoding_undoes_encoding(texts):
    """Tokens of the vocabulary come back as they were."""
    vocabulary = Vocabulary(texts)
    for text in texts:
        agrees(vocabulary.decode(vocabulary.encode(text)), text)


@few
@given(corpora(), integers(1, 3))
def test_padding_on_the_right_vanishes(texts, zeros):
    """Zeros behind a text add nothing to what it decodes to."""
    vocabulary = Vocabulary(texts)
    agrees(vocabulary.decode(ids_of(*range(2, len(vocabulary)), *[0] * zeros)), vocabulary.tokens[2:])


@few
@given(corpora(), seeds)
def test_padding_vanishes_wherever_it_stands(texts, seed):
    """Ids decode to what they decode to without the zeros between them."""
    vocabulary = Vocabulary(texts)
    ids = torch.randint(len(vocabulary), (12,), generator=torch.Generator().manual_seed(seed))
    agrees(vocabulary.decode(ids), [vocabulary.tokens[i] for i in ids.tolist() if i != 0])


@few
@given(corpora())
def test_an_unknown_token_can_be_seen(texts):
    """Id 1 decodes to <unk>."""
    agrees(Vocabulary(texts).decode(ids_of(1, 1)), ["<unk>", "<unk>"])


@few
@given(corpora(), sampled_from([torch.uint8, torch.int32, torch.int64]))
def test_any_integers_decode(texts, dtype):
    """The dtype of the ids and their place in memory do not matter."""
    vocabulary = Vocabulary(texts)
    ids = torch.arange(len(vocabulary)).repeat(2, 1).T.to(dtype)[1:, 1]
    agrees(vocabulary.decode(ids), vocabulary.tokens[1:])


@few
@given(corpora(), integers(0, 12))
def test_an_impossible_id_is_refused(texts, beyond):
    """An id that no entry has, below zero or above, raises IndexError."""
    vocabulary = Vocabulary(texts)
    for number in (-1 - beyond, len(vocabulary.tokens) + beyond):
        assert refuses(IndexError, vocabulary.decode, ids_of(1, number))


@few
@given(corpora(), integers(-3, 1))
def test_an_impossible_limit_is_refused(texts, limit):
    """A max_size below 2 or a min_count below 1 raises ValueError."""
    assert refuses(ValueError, Vocabulary, texts, max_size=limit)
    assert refuses(ValueError, Vocabulary, texts, min_count=limit - 1)
