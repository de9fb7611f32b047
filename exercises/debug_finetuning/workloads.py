"""What the audit asks of a submission."""

import random
from types import ModuleType

import torch
from torch import Tensor, nn

from grader.kit import gradients, normal, settled, workload

END = 9


def conversation(chance: random.Random) -> tuple[list[int], list[int]]:
    words = lambda: [chance.randrange(END) for _ in range(chance.randrange(6))]
    return words(), words()


@workload()
def labels(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    chance, found = random.Random(seed), {}
    for number in range(5):
        ids, labels = submission.labelled(*conversation(chance), END)
        found |= {f"ids {number}": torch.tensor(ids), f"labels {number}": torch.tensor(labels)}
    return found


@workload()
def batches(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Rows that are made here, so that they are right whatever `labelled` does."""
    chance = random.Random(seed)
    pairs = [conversation(chance) for _ in range(6)]
    rows = [([*prompt, *answer, END], [-100] * len(prompt) + [*answer, END]) for prompt, answer in pairs]
    ids, labels, mask = submission.collate(rows, END)
    return {"ids": ids, "labels": labels, "mask": mask}


@workload()
def adapters(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Output and gradients of an adapter with drawn factors, and whether a fresh one gets any gradient."""
    layer, x = settled(nn.Linear(6, 5), seed), normal(seed, 2, 3, 6)
    fresh = submission.LoRA(layer, 2, 8.0)
    any_gradient = torch.stack([g.abs().max() for g in gradients(fresh(x), fresh.down, fresh.up)]).max() > 0
    unchanged = fresh(x).detach()
    drawn = settled(submission.LoRA(settled(nn.Linear(6, 5), seed), 2, 8.0), seed)
    down, up = gradients(drawn(x), drawn.down, drawn.up)
    return {"fresh": unchanged, "learns": any_gradient, "output": drawn(x), "down": down, "up": up}
