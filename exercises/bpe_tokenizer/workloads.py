"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType

import torch
from torch import Tensor

from grader.kit import built_in_text, codes, refuses, workload

MERGES = [
    (97, 97),
    (97, 98),
    (256, 97),
    (32, 32),
    (32, 97),
    (232, 170),
    (261, 158),
    (240, 159),
    (263, 153),
    (264, 130),
    (257, 99),
]
SIGNS = "aaaabbc   \n1._é語語🙂🙂"


def drawn(seed: int, length: int, signs: str = SIGNS) -> str:
    ids = torch.randint(len(signs), (length,), generator=torch.Generator().manual_seed(seed))
    return "".join(signs[i] for i in ids.tolist())


def pairs(merges: list[tuple[int, int]]) -> Tensor:
    return torch.tensor(merges, dtype=torch.int64).reshape(len(merges), 2)


@workload(time=0.8, characters=[2**12, 2**13, 2**14, 2**15])
def real_text(submission: ModuleType, seed: int, characters: int) -> dict[str, Tensor]:
    """The one that is timed: learn 128 merges, then encode and decode. The longer a text, the fewer of its pieces are new."""
    start = seed % 100_000
    text = built_in_text()[start : start + characters]
    merges = submission.train(text, 384)
    ids = submission.encode(text, merges)
    return {"merges": pairs(merges), "ids": ids, "back": codes(submission.decode(ids, merges))}


@workload()
def training(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {f"size {size}": pairs(submission.train(drawn(seed, 150), size)) for size in (256, 257, 270, 400)}
    texts = {"no text": "", "one character": "a", "a run": "aaaaaaa", "emoji": "🙂🙂🙂 🙂🙃", "chinese": "語言語言 語言"}
    texts |= {
        "ties": "ef\ncd\nab",
        "ties on the other side": "ab\ncd\nef",
        "spaces": "a  b   c    d",
        "often": "ab\nac\nad\nxy\nxy",
    }
    return found | {name: pairs(submission.train(text, 300)) for name, text in texts.items()}


@workload()
def encoding(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    texts = {
        "drawn": drawn(seed, 60),
        "runs": drawn(seed, 40, "ab"),
        "none": "",
        "spaces": "a  b   a    aa     b",
        "chinese": "語言",
    }
    found = {name: submission.encode(text, MERGES) for name, text in texts.items()}
    return found | {"no merges": submission.encode(drawn(seed, 20), [])}


@workload()
def decoding(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    ids = torch.randint(97, 268, (40,), generator=torch.Generator().manual_seed(seed))
    texts = {
        "of any ids": ids,
        "int32": ids.int(),
        "strided": ids[::2],
        "of none": ids[:0],
        "broken": torch.tensor([97, 232, 170]),
    }
    found = {name: codes(submission.decode(view, MERGES)) for name, view in texts.items()}
    apart = torch.tensor([*"é語🙂".encode(), 97, 98])
    return found | {
        "byte by byte": codes(submission.decode(apart, MERGES)),
        "plain": codes(submission.decode(apart[-2:], MERGES)),
    }


@workload()
def there_and_back(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    text = drawn(seed, 80)
    merges = submission.train(text, 275)
    return {"text": codes(submission.decode(submission.encode(text, merges), merges))}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    bad = [torch.tensor([97, number]) for number in (-300, -1, 0, 266, 267, 300)]
    return {
        "ids": torch.tensor([refuses(IndexError, submission.decode, ids, MERGES) for ids in bad]),
        "sizes": torch.tensor([refuses(ValueError, submission.train, "ab", size) for size in (-1, 0, 255, 256, 257)]),
    }
