"""What the audit asks of a submission."""

from types import ModuleType

import torch
from torch import Tensor, nn

from grader.kit import normal, settled, workload


def classifier(seed: int) -> nn.Module:
    return settled(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5)), seed)


def parts(seed: int, *rows: int) -> list[tuple[Tensor, Tensor]]:
    targets = lambda n: torch.randint(5, (n,), generator=torch.Generator().manual_seed(seed + n))
    return [(normal(seed + 10 * number, n, 6), targets(n)) for number, n in enumerate(rows)]


@workload()
def one_batch(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, found = classifier(seed), {}
    for rows in ((4,), (4, 4), (1, 5, 2)):
        found[f"mean {rows}"] = torch.tensor(submission.accumulate(model, parts(seed, *rows)))
        found |= {f"{name} {rows}": parameter.grad.clone() for name, parameter in model.named_parameters()}
    return found


@workload()
def clipping(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {}
    for most in (0.1, 2.0, 1e6):
        model = classifier(seed)
        for number, parameter in enumerate(model.parameters()):
            parameter.grad = normal(seed + number, *parameter.shape)
        found[f"length {most}"] = torch.tensor(float(submission.clip(model.parameters(), most)))
        found |= {f"{name} {most}": parameter.grad for name, parameter in model.named_parameters()}
    return found


class Descent:
    """An optimizer that needs nothing of torch.optim, whose first use takes a second."""

    def __init__(self, model: nn.Module) -> None:
        self.param_groups = [{"params": list(model.parameters()), "lr": 1.0}]

    def step(self) -> None:
        for parameter in self.param_groups[0]["params"]:
            parameter.data -= self.param_groups[0]["lr"] * parameter.grad


@workload()
def a_run(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model = classifier(seed)
    batches = [parts(seed + 100 * number, 3, 2) for number in range(4)]
    losses = submission.train(model, Descent(model), batches, 3, 0.5, 3)
    rates = [submission.rate(step, 2.0, 4, 10) for step in range(10)]
    return {"losses": torch.tensor(losses), "rates": torch.tensor(rates)} | dict(model.named_parameters())
