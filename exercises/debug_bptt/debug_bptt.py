from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

State = Float[Tensor, "1 batch width"]


def streams(ids: Int[Tensor, " characters"], batch: int) -> Int[Tensor, "batch time"]:
    """The text cut into `batch` pieces of equal length, one a row, in their order; what is left over at the end goes."""
    time = len(ids) // batch
    return ids[: batch * time].view(time, batch).t()


class CharacterModel(nn.Module):
    """A recurrent network over characters; parameters: embed, cell and head."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.cell = nn.GRU(width, width)  # takes and returns [time, batch, width]
        self.head = nn.Linear(width, vocabulary)

    def forward(
        self, ids: Int[Tensor, "batch time"], state: State | None = None
    ) -> tuple[Float[Tensor, "batch time vocabulary"], State]:
        """The logits of the next character at every position, and the state after the last; state None is a new text."""
        batch, time = ids.shape
        embedded = self.embed(ids).view(time, batch, -1)
        outputs, state = self.cell(embedded, state)
        return self.head(outputs.view(batch, time, -1)), state


def accumulate(model: nn.Module, ids: Int[Tensor, "batch time"], length: int) -> float:
    """Add to the gradients those of the mean cross-entropy of a pass over `ids`, in chunks of `length`; return that mean.

    Every character but the first of a row is predicted. The state goes on from chunk to chunk, the gradient does not.
    """
    predictions = ids[:, 1:].numel()
    mean, state = 0.0, None
    for start in range(0, ids.shape[1] - 1, length):
        targets = ids[:, start + 1 : start + 1 + length]
        logits, state = model(ids[:, start : start + targets.shape[1]], state)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / predictions
        loss.backward(retain_graph=True)
        mean += loss.item()
    return mean
