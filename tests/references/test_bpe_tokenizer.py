"""The reference learns and applies the merges that the `tokenizers` library does."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import BpeTrainer

from exercises.bpe_tokenizer.given import pieces
from grader.kit import built_in_text, seeds
from solutions.bpe_tokenizer.bpe_tokenizer import encode, train

# The library numbers its characters in their order, so bytes are shown to it as characters in the order of bytes, none of
# which is a space: then its ids are bytes, and ties are broken alike. Spaces separate the pieces.
CHARACTERS = [chr(0x4E00 + byte) for byte in range(256)]


def spelled(text: str) -> str:
    return " ".join("".join(CHARACTERS[byte] for byte in piece.encode()) for piece in pieces(text))


def library(text: str, vocab_size: int) -> Tokenizer:
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = WhitespaceSplit()
    trainer = BpeTrainer(vocab_size=vocab_size, initial_alphabet=CHARACTERS, show_progress=False)
    tokenizer.train_from_iterator([spelled(text)], trainer)
    return tokenizer


def tokens(merges: list[tuple[int, int]]) -> list[str]:
    found = CHARACTERS[:]
    for left, right in merges:
        found.append(found[left] + found[right])
    return found


@composite
def texts(draw):
    signs, generator = "aaaabbc   \n1._é語語🙂🙂", torch.Generator().manual_seed(draw(seeds))
    return "".join(signs[i] for i in torch.randint(len(signs), (draw(integers(0, 80)),), generator=generator).tolist())


@settings(max_examples=40)
@given(texts(), integers(256, 300), texts())
def test_tokens_and_ids_are_those_of_the_library(known, vocab_size, text):
    merges, expected = train(known, vocab_size), library(known, vocab_size)
    assert {token: number for number, token in enumerate(tokens(merges))} == expected.get_vocab()
    assert encode(text, merges).tolist() == expected.encode(spelled(text)).ids


def test_real_text_is_learned_alike():
    text = built_in_text()[:100_000]
    merges, expected = train(text, 1000), library(text, 1000)
    assert {token: number for number, token in enumerate(tokens(merges))} == expected.get_vocab()
    assert encode(text[50_000:60_000], merges).tolist() == expected.encode(spelled(text[50_000:60_000])).ids
