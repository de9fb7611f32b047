"""What the audit asks of a submission."""

from types import ModuleType

import torch
from torch import Tensor

from grader.kit import settled, workload


def text(seed: int, *shape: int) -> Tensor:
    return torch.randint(9, shape, generator=torch.Generator().manual_seed(seed))


@workload()
def cutting(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    ids = text(seed, 53)
    return {str(batch): submission.streams(ids, batch) for batch in (1, 2, 5, 53)}


@workload()
def reading(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, ids = settled(submission.CharacterModel(9, 8), seed), text(seed, 4, 12)
    logits, state = model(ids)
    more, last = model(ids, state)
    return {"logits": logits, "state": state, "more": more, "last": last}


@workload()
def passes(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Gradients and mean of a pass, by the length of its chunks."""
    found = {}
    for length in (1, 4, 11, 20):
        model = settled(submission.CharacterModel(9, 8), seed)
        found[f"mean {length}"] = torch.tensor(submission.accumulate(model, text(seed, 3, 12), length))
        found |= {f"{name} {length}": parameter.grad for name, parameter in model.named_parameters()}
    return found
