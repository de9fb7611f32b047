"""What the audit asks of a submission."""

import random
from types import ModuleType

import torch
from torch import Tensor

from grader.kit import workload

CHARACTERS = "\nabcdefgh"


def names(seed: int) -> str:
    chance = random.Random(seed)
    return "\n".join("".join(chance.choices(CHARACTERS[1:], k=chance.randrange(9))) for _ in range(12))


@workload()
def windows(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    texts = [names(seed), "", "\n", "abc", "a\nbcd\n"]
    return {"lengths": torch.tensor([submission.window(text) for text in texts])}


@workload()
def pairs(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Inputs count only where something is asked: elsewhere any id will do."""
    found = {}
    for length in (1, 4, 9, 20):
        inputs, targets = submission.examples(names(seed), CHARACTERS, length)
        found |= {f"inputs {length}": torch.where(targets == -100, -100, inputs), f"targets {length}": targets}
    return found


@workload()
def epochs(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Orders are free, so what they have in common: the rows of each epoch, sizes, and how many orders there are."""
    inputs = torch.arange(30)[:, None]
    found = list(submission.batches((inputs, -inputs), 4, 6, seed))
    order = torch.cat([one[:, 0] for one, _ in found]).view(6, 30)
    return {
        "rows": order.sort(-1).values,
        "sizes": torch.tensor([len(one) for one, _ in found]),
        "sums": torch.stack([(one + other).abs().sum() for one, other in found]),
        "orders": torch.tensor(len({tuple(row) for row in order.tolist()})),
    }
