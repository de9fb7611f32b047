"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType

import torch
from torch import Tensor

from grader.kit import refuses, workload

LENGTHS = [4, 0, 7, 1, 2, 8, 3, 5, 0, 1]


def ids(seed: int, *shape: int) -> Tensor:
    """Ids from 0 to 9, int64, so that some of them are those that pad."""
    return torch.randint(10, shape, generator=torch.Generator().manual_seed(seed))


def documents(seed: int) -> list[Tensor]:
    return list(ids(seed, sum(LENGTHS)).split(LENGTHS))


def packed(submission: ModuleType, documents: list[Tensor], context: int, padding: int = 0) -> dict[str, Tensor]:
    return dict(zip(("tokens", "targets", "owners", "positions"), submission.pack(documents, context, padding), strict=True))


def named(name: str, results: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return {f"{name} {number}": result for number, result in enumerate(results)}


@workload(time=1, memory=1, texts=[2**8, 2**9, 2**10, 2**11])
def a_corpus(submission: ModuleType, seed: int, texts: int) -> dict[str, Tensor]:
    """The one that is timed: each way to make a batch, over texts of 1 to 64 tokens."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 65, (texts,), generator=generator).tolist()
    corpus = torch.randint(1000, (sum(lengths),), generator=generator)
    parts = list(corpus.split(lengths))
    found = packed(submission, parts, 64) | named("windows", submission.windows(corpus, 64))
    return found | named("padded", submission.pad(parts)) | {"mask": submission.attention_mask(found["owners"])}


@workload()
def cut(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Texts around the length at which another window begins."""
    found = {}
    for length in (0, 1, 3, 4, 5, 8, 9, 10, 13):
        found |= named(f"{length} by 4", submission.windows(ids(seed, length), 4))
        found |= named(f"{length} by 4, stride 2", submission.windows(ids(seed, length), 4, 2))
    found |= named("single tokens", submission.windows(ids(seed, 6), 1))
    return found | named("gaps", submission.windows(ids(seed, 20), 2, 5))


@workload()
def padded(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    parts = documents(seed)
    found = {f"padding {padding}": submission.pad(parts, padding) for padding in (0, 5, -1)}
    found |= {"default": submission.pad(parts), "none": submission.pad([]), "blank": submission.pad(parts[1:2])}
    return {f"{name} {i}": result for name, results in found.items() for i, result in enumerate(results)}


@workload()
def packed_whole(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {
        f"{name}, {context}": x for context in (8, 9, 30) for name, x in packed(submission, documents(seed), context, 3).items()
    }
    found |= named("default", submission.pack(documents(seed), 10))
    none, blank = submission.pack([], 4), submission.pack([ids(seed, 0)], 4)
    return found | named("none", none) | named("blank", blank)


@workload()
def masks(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    rows = [[0, 0, 1, 1, 1, -1], [2, 3, 4, 5, 5, 5], [6, 6, 6, 6, 6, 6], [7, -1, -1, -1, -1, -1]]
    owners = torch.tensor(rows)
    return {"mask": submission.attention_mask(owners), "one": submission.attention_mask(owners[:1, :1])}


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {}
    for dtype in (torch.uint8, torch.int16, torch.int32):
        parts = [part.to(dtype) for part in documents(seed)]
        found |= named(f"windows, {dtype}", submission.windows(ids(seed, 9).to(dtype), 4))
        found |= named(f"pad, {dtype}", submission.pad(parts)) | named(f"pack, {dtype}", submission.pack(parts, 8))
    spread = [part.repeat_interleave(2)[::2] for part in documents(seed)]
    found |= named("windows, spread", submission.windows(ids(seed, 18)[::2], 4))
    return found | named("pad, spread", submission.pad(spread)) | named("pack, spread", submission.pack(spread, 8))


@workload()
def written_into(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """What is left of the arguments and of the other results when the first result is overwritten."""
    tokens, parts = ids(seed, 12), documents(seed)
    found = {}
    for name, results in (
        ("windows", submission.windows(tokens, 4)), ("overlapping", submission.windows(tokens, 4, 1)),
        ("pad", submission.pad(parts)), ("one row", submission.pad(parts[:1])), ("pack", submission.pack(parts, 8)),
        ("one document", submission.pack(parts[:1], 4)),
    ):  # fmt: skip
        results[0].fill_(7)
        found |= named(name, results)
    return found | {"tokens": tokens, "documents": torch.cat(parts)}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    text, parts = ids(seed, 12), documents(seed)
    return {
        "context": torch.tensor([refuses(ValueError, submission.windows, text, n) for n in (-1, 0, 1, 20)]),
        "stride": torch.tensor([refuses(ValueError, submission.windows, text, 2, n) for n in (-1, 0, 1, 20)]),
        "long": torch.tensor([refuses(ValueError, submission.pack, parts, n) for n in (1, 7, 8, 20)]),
    }
