"""What the audit asks of a submission."""

from types import ModuleType

import torch
from torch import Tensor, nn

from grader.kit import normal, settled, workload


class Net(nn.Module):
    """The sum of a table of logits and of what is left of it behind dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.drop = nn.Embedding(7, 7), nn.Dropout(0.3)
        self.register_buffer("epochs", torch.zeros(()))

    def forward(self, ids: Tensor) -> Tensor:
        return self.table(ids) + self.drop(self.table(ids))


def rows(seed: int) -> list[Tensor]:
    return [torch.randint(7, (n,), generator=torch.Generator().manual_seed(seed + n)) for n in (2, 5, 30)]


@workload()
def evaluations(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, found = settled(Net(), seed), {}
    for training in (True, False):
        losses, counts = submission.evaluate(model.train(training), rows(seed))
        found |= {f"losses {training}": torch.tensor(losses), f"counts {training}": torch.tensor(counts)}
        found[f"mode {training}"] = torch.tensor([module.training for module in model.modules()])
    return found


@workload()
def perplexities(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    losses = normal(seed, 6).abs().tolist()
    counts = [1, 0, 7, 300, 2, 2]
    return {"all": torch.tensor(submission.perplexity(losses, counts)), "one": torch.tensor(submission.perplexity([1.5], [4]))}


@workload()
def stopping(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Epochs that add noise, and count themselves in a buffer."""
    model = settled(Net(), seed)

    def epoch(model: nn.Module) -> None:
        model.epochs.add_(1)
        model.table.weight.data.add_(normal(seed + int(model.epochs), 7, 7))

    score = submission.fit(model, epoch, rows(seed), 2, 6)
    return {"score": torch.tensor(score), "table": model.table.weight, "epochs": model.epochs}
