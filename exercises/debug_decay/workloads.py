"""What the audit asks of a submission."""

from types import ModuleType

import torch
from torch import Tensor, nn

from grader.kit import normal, settled, workload


def model(seed: int) -> nn.Module:
    return settled(nn.Sequential(nn.Embedding(7, 4), nn.LayerNorm(4), nn.Linear(4, 6), nn.Linear(6, 2)), seed)


@workload()
def grouping(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    whole = model(seed)
    whole[2].requires_grad_(False)
    found = submission.groups(whole, 0.25)
    rows = {f"parameters {number}": torch.cat([p.flatten() for p in group["params"]]) for number, group in enumerate(found)}
    return rows | {"decays": torch.tensor([group["weight_decay"] for group in found])}


@workload()
def stepping(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Parameters after some steps with drawn gradients, one of them at another rate; some have no gradient."""
    whole = model(seed)
    split = [p for p in whole.parameters() if p.ndim > 1], [p for p in whole.parameters() if p.ndim == 1]
    groups = [{"params": list(part), "weight_decay": decay} for part, decay in zip(split, (0.3, 0.0), strict=True)]
    optimizer = submission.AdamW(groups, 0.05, (0.8, 0.95), 1e-6)
    for number in range(6):
        optimizer.lr = 0.2 if number == 3 else 0.05
        for place, parameter in enumerate(list(whole.parameters())[1:]):
            parameter.grad = normal(seed + 10 * number + place, *parameter.shape)
        optimizer.step()
    return dict(whole.named_parameters())


@workload()
def no_pull(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    weight = nn.Parameter(normal(seed, 5))
    weight.grad = torch.zeros(5)
    optimizer = submission.AdamW([{"params": [weight], "weight_decay": 0.5}], 0.1)
    for _ in range(3):
        optimizer.step()
    return {"weight": weight}
