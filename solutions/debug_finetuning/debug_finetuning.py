import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

IGNORED = -100  # the label of an id that no loss should count
Row = tuple[list[int], list[int]]  # ids and labels


def labelled(prompt: list[int], answer: list[int], end: int) -> Row:
    """The ids of a conversation, with the end behind the answer, and the labels for training on the answer."""
    # Label i is id i: the loss shifts them. What the user says is given, and nothing that the model should learn to say.
    return [*prompt, *answer, end], [IGNORED] * len(prompt) + [*answer, end]


def collate(
    rows: list[Row], end: int
) -> tuple[Int[Tensor, "batch longest"], Int[Tensor, "batch longest"], Bool[Tensor, "batch longest"]]:
    """Ids, labels and mask of some rows, filled up at the right; the end serves as padding, for the vocabulary has none."""
    lengths = torch.tensor([len(ids) for ids, _ in rows])
    longest = int(lengths.max())
    ids = torch.tensor([ids + [end] * (longest - len(ids)) for ids, _ in rows])
    # Padding is known by its place: by its value it can't be told from the end that the model has to learn.
    labels = torch.tensor([labels + [IGNORED] * (longest - len(labels)) for _, labels in rows])
    return ids, labels, torch.arange(longest) < lengths[:, None]


class LoRA(nn.Module):
    """A frozen linear layer, and beside it a trained product of two thin matrices, `down` and `up`."""

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        """Takes the layer as it is, and changes nothing of what it computes before training."""
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.scale = alpha / rank
        # One factor is zero, so that nothing changes; the other is not, or neither would ever get a gradient.
        self.down = nn.Linear(layer.in_features, rank).weight  # drawn as torch draws a layer
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x: Float[Tensor, "... inputs"]) -> Float[Tensor, "... outputs"]:
        """The layer's output, plus alpha / rank times up · down · x."""
        return self.layer(x) + self.scale * (x @ self.down.T @ self.up.T)
