import math
from collections.abc import Callable, Iterable
from operator import mul

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F

State = dict[str, Tensor]


@torch.no_grad()
def evaluate(model: nn.Module, rows: Iterable[Int[Tensor, " time"]]) -> tuple[list[float], list[int]]:
    """For each row of ids the mean cross-entropy of its ids after the first, given those before, and how many these are."""
    was_training = model.training
    model.eval()  # no_grad only saves memory; dropout asks the module's own flag
    losses, counts = [], []
    for ids in rows:
        logits = model(ids[None, :-1])[0]
        losses.append(F.cross_entropy(logits, ids[1:]).item())
        counts.append(len(ids) - 1)
    model.train(was_training)
    return losses, counts


def perplexity(losses: list[float], counts: list[int]) -> float:
    """The perplexity of a whole data set, from the mean loss and the number of predictions of each of its rows."""
    total = sum(map(mul, losses, counts))
    return math.exp(total / sum(counts))


class Best:
    """Remembers the parameters and buffers with which a model was best so far, lowest score first."""

    def __init__(self) -> None:
        self.score = math.inf
        self.state: State = {}

    def offer(self, score: float, model: nn.Module) -> bool:
        """Remember the model as it is now, if its score is lower than all before; whether it was."""
        if score >= self.score:
            return False
        self.score = score
        # state_dict holds the very tensors that the optimizer goes on changing, so each has to be copied.
        self.state = {name: value.clone() for name, value in model.state_dict().items()}
        return True


def fit(
    model: nn.Module, epoch: Callable[[nn.Module], None], rows: list[Int[Tensor, " time"]], patience: int, most: int
) -> float:
    """Train until the perplexity on `rows` has not improved for `patience` epochs, or for `most`; leave the best model."""
    best, improved = Best(), []
    for _ in range(most):
        epoch(model)
        score = perplexity(*evaluate(model, rows))
        improved.append(best.offer(score, model))
        if not any(improved[-patience:]):
            break
    model.load_state_dict(best.state)
    return best.score
