"""What the audit asks of a submission."""

import random
from types import ModuleType

import torch
from torch import Tensor

from grader.kit import codes, workload

ENGLISH = ["the", "Model", "is", "good", "bad", "GPT_4", "2", "!", ","]


def sentence(chance: random.Random) -> str:
    """Some words in English, some characters in Chinese, in turn."""
    chinese = lambda: "".join(chr(chance.randrange(0x4E00, 0x4E10)) for _ in range(chance.randrange(5)))
    return "".join(f"{chance.choice(ENGLISH)} {chance.choice(ENGLISH)}{chinese()}" for _ in range(4))


@workload()
def cutting(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    chance = random.Random(seed)
    texts = [sentence(chance) for _ in range(8)] + ["", " \n", "模型很好。"]
    return {str(number): codes("|".join(submission.words(text))) for number, text in enumerate(texts)}


@workload()
def vocabularies(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """English words only, with too few rows and with enough."""
    chance = random.Random(seed)
    texts = [" ".join(chance.choices(ENGLISH, range(1, 10), k=12)) for _ in range(5)]
    found = {}
    for size in (2, 3, 6, 30):
        vocabulary = submission.build(texts, size)
        found[f"ids {size}"] = torch.tensor(list(vocabulary.values()), dtype=torch.int64)
        found[f"words {size}"] = codes(" ".join(vocabulary))
    return found


@workload()
def encoding(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    chance = random.Random(seed)
    vocabulary = {word: number for number, word in enumerate(["good", "bad", "模", "!"], start=2)}
    rows = [submission.encode(sentence(chance), vocabulary) for _ in range(5)]
    ids, mask = submission.padded([*rows, []])
    return {"ids": ids, "mask": mask}
