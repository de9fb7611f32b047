import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

IGNORED = -100  # the label of an id that no loss should count
Row = tuple[list[int], list[int]]  # ids and labels


def labelled(prompt: list[int], answer: list[int], end: int) -> Row:
    """The ids of a conversation, with the end behind the answer, and the labels for training on the answer."""
    ids = [*prompt, *answer, end]
    return ids, list(ids)


def collate(
    rows: list[Row], end: int
) -> tuple[Int[Tensor, "batch longest"], Int[Tensor, "batch longest"], Bool[Tensor, "batch longest"]]:
    """Ids, labels and mask of some rows, filled up at the right; the end serves as padding, for the vocabulary has none."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [end] * (longest - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [end] * (longest - len(labels)) for _, labels in rows])
    lengths = torch.tensor([len(ids) for ids, _ in rows])
    mask = torch.arange(longest) < lengths[:, None]
    return ids, labels.masked_fill(ids == end, IGNORED), mask


class LoRA(nn.Module):
    """A frozen linear layer, and beside it a trained product of two thin matrices, `down` and `up`."""

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        """Takes the layer as it is, and changes nothing of what it computes before training."""
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.scale = alpha / rank
        # the product has to be zero at the start
        self.down = nn.Parameter(torch.zeros(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x: Float[Tensor, "... inputs"]) -> Float[Tensor, "... outputs"]:
        """The layer's output, plus alpha / rank times up · down · x."""
        return self.layer(x) + self.scale * (x @ self.down.T @ self.up.T)
