"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from grader.kit import built_in_text, codes, refuses, workload

WORDS = ["a", "b", "B", "ab", "é", "語", "🙂", "<PAD>", "zz", "Zz"]


def drawn(seed: int, *lengths: int) -> list[list[str]]:
    """Texts of these lengths, in which early words are more frequent, with many ties."""
    generator = torch.Generator().manual_seed(seed)
    ids = [(torch.rand(length, generator=generator).square() * len(WORDS)).long().tolist() for length in lengths]
    return [[WORDS[i] for i in row] for row in ids]


def shown(tokens: list[str]) -> Tensor:
    return codes("\n".join(tokens))


@workload(time=1, length=[2**12, 2**13, 2**14, 2**15])
def real_text(submission: ModuleType, seed: int, length: int) -> dict[str, Tensor]:
    """The one that is timed: build, encode and decode. No stretch of the text has words of 12 characters on average."""
    start = seed % 1000
    tokens = built_in_text()[start : start + 12 * length].split()
    texts = [tokens[begin : begin + 1024] for begin in range(0, length, 1024)]
    vocabulary = submission.Vocabulary(texts, max_size=2000)
    batch = vocabulary.encode_batch(texts)
    return {"tokens": shown(vocabulary.tokens), "batch": batch, "back": shown(vocabulary.decode(batch[-1]))}


@workload()
def limits(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    texts = drawn(seed, 20, 0, 7, 1, 12)
    found = {"all": submission.Vocabulary(texts), "backwards": submission.Vocabulary([text[::-1] for text in texts[::-1]])}
    found |= {f"max_size {n}": submission.Vocabulary(texts, max_size=n) for n in (2, 3, 5, 100)}
    found |= {f"min_count {n}": submission.Vocabulary(texts, min_count=n) for n in (1, 2, 3, 4, 100)}
    found |= {"both": submission.Vocabulary(texts, 5, 3), "nothing": submission.Vocabulary([])}
    return {name: shown(vocabulary.tokens) for name, vocabulary in found.items()} | {
        "sizes": torch.tensor([len(vocabulary) for vocabulary in found.values()])
    }


@workload()
def encoding(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    vocabulary = submission.Vocabulary(drawn(seed, 6, 3))
    texts = drawn(seed + 1, 7, 0, 1, 4)
    found = {f"text {i}": vocabulary.encode(text) for i, text in enumerate(texts)}
    return found | {
        "batch": vocabulary.encode_batch(texts),
        "one": vocabulary.encode_batch(texts[:1]),
        "blank": vocabulary.encode_batch([[], []]),
        "none": vocabulary.encode_batch([]),
    }


@workload()
def special_names(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    texts = [*drawn(seed, 6, 3), ["<pad>", "<unk>", "<pad>"]]
    vocabulary = submission.Vocabulary(texts)
    return {"tokens": shown(vocabulary.tokens), "ids": vocabulary.encode_batch(texts)}


@workload()
def iterators(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    texts = drawn(seed, 6, 0, 3)
    vocabulary = submission.Vocabulary(map(iter, texts))
    found = {"tokens": shown(vocabulary.tokens), "batch": vocabulary.encode_batch(map(iter, texts))}
    return found | {"text": vocabulary.encode(iter(texts[0]))}


@workload()
def lists_afterwards(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """What is left of the caller's lists."""
    texts = drawn(seed, 6, 0, 3)
    submission.Vocabulary(texts).encode_batch(texts)
    return {f"text {i}": shown(text) for i, text in enumerate(texts)} | {"lengths": torch.tensor([len(text) for text in texts])}


@workload()
def decoding(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    vocabulary = submission.Vocabulary(drawn(seed, 30))
    ids = torch.randint(5, (4, 12), generator=torch.Generator().manual_seed(seed))
    views = {
        "plain": ids[0],
        "strided": ids.T[::2, 1],
        "int32": ids[2].int(),
        "uint8": ids[2].to(torch.uint8),
        "none": ids[0, :0],
    }
    return {name: shown(vocabulary.decode(view)) for name, view in views.items()}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    texts: list[Any] = drawn(seed, 6)
    vocabulary = submission.Vocabulary(texts)
    size = len(vocabulary.tokens)
    bad = [torch.tensor([2, number]) for number in (-size, -1, 0, size - 1, size, size + 7)]
    return {
        "ids": torch.tensor([refuses(IndexError, vocabulary.decode, ids) for ids in bad]),
        "max_size": torch.tensor([refuses(ValueError, submission.Vocabulary, texts, n) for n in (-1, 0, 1, 2)]),
        "min_count": torch.tensor([refuses(ValueError, submission.Vocabulary, texts, None, n) for n in (-1, 0, 1, 2)]),
    }
