"""What the audit asks of a submission."""

from types import ModuleType

import torch
from torch import Tensor, nn

from grader.kit import settled, workload


def model_and_ids(submission: ModuleType, seed: int) -> tuple[nn.Module, Tensor]:
    model = settled(submission.CachedModel(9, 16, 8), seed)
    return model, torch.randint(9, (2, 10), generator=torch.Generator().manual_seed(seed))


@workload()
def pieces(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Logits and cache of a text, by the lengths of its pieces."""
    model, ids = model_and_ids(submission, seed)
    found = {}
    for lengths in ([10], [4, 6], [1, 2, 7], [9, 1]):
        cache, logits = None, []
        for piece in ids.split(lengths, dim=1):
            some, cache = model(piece, cache)
            logits.append(some)
        found[f"logits {lengths}"] = torch.cat(logits, dim=1)
        found |= {f"cache {number} {lengths}": part for number, part in enumerate(cache)}
    return found


@workload()
def tables(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    sizes = [(0, 1), (0, 4), (3, 1), (3, 4)]
    found = {f"positions {size}": submission.positions(*size) for size in sizes}
    return found | {f"allowed {size}": submission.allowed(*size) for size in sizes}


@workload()
def generation(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Of a stand-in whose logits depend on all that its cache holds."""
    table = settled(nn.Embedding(9, 9), seed).weight.detach()

    def model(new: Tensor, cache: Tensor | None = None) -> tuple[Tensor, Tensor]:
        seen = new if cache is None else torch.cat([cache, new], dim=1)
        return table[seen].cumsum(1)[:, -new.shape[1] :], seen

    _, ids = model_and_ids(submission, seed)
    return {str(steps): submission.generate(model, ids, steps) for steps in (0, 1, 5)}
