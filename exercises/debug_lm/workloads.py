"""What the audit asks of a submission."""

from types import ModuleType

import torch
from torch import Tensor

from grader.kit import normal, settled, workload


def model_and_ids(submission: ModuleType, seed: int, batch: int, time: int) -> tuple[torch.nn.Module, Tensor]:
    model = settled(submission.LanguageModel(13, 12, 16, 4), seed)
    return model, torch.randint(13, (batch, time), generator=torch.Generator().manual_seed(seed))


@workload()
def logits(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, ids = model_and_ids(submission, seed, 3, 12)
    return {"logits": model(ids), "one position": model(ids[:, :1]), "mixed": model.mix(normal(seed, 2, 5, 16))}


@workload()
def training(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """The loss and its gradients, of a table of logits and of the model."""
    model, ids = model_and_ids(submission, seed, 4, 9)
    table = normal(seed, 13, 13).requires_grad_()
    submission.loss(lambda seen: table[seen], ids).backward()
    found = submission.loss(model, ids)
    found.backward()
    return {"loss": found, "by the table": table.grad, "by the head": model.head.weight.grad}


@workload()
def generation(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, ids = model_and_ids(submission, seed, 2, 3)
    return {"ids": submission.generate(model, ids, 14), "no step": submission.generate(model, ids, 0)}
