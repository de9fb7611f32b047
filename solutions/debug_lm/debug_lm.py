import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


class LanguageModel(nn.Module):
    """A transformer of one attention layer over ids; parameters: tokens, places, mixer, norm and head."""

    def __init__(self, vocabulary: int, positions: int, width: int, heads: int) -> None:
        super().__init__()
        self.positions = positions
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(positions, width)
        self.mixer = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def mix(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        """x plus, at each position, what its attention finds there and at the positions before it."""
        time = x.shape[1]
        # In a boolean mask of nn.MultiheadAttention True forbids; a mask of floats is added to the scores.
        later = torch.ones(time, time, dtype=torch.bool).triu(1)
        found, _ = self.mixer(x, x, x, attn_mask=later)
        return x + found

    def forward(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocabulary"]:
        """The logits of the id that follows, at every position."""
        places = self.places(torch.arange(ids.shape[1]))
        x = self.tokens(ids) + places
        # No softmax: the loss takes its logarithm itself, in one step that neither overflows nor saturates.
        return self.head(self.norm(self.mix(x)))


def loss(model: nn.Module, ids: Int[Tensor, "batch time"]) -> Float[Tensor, ""]:
    """The mean cross-entropy, in nats, of every id but the first, given those before it; at least two ids a row."""
    logits = model(ids[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


@torch.no_grad()
def generate(model: nn.Module, ids: Int[Tensor, "batch time"], steps: int) -> Int[Tensor, "batch time+steps"]:
    """The ids, and after them `steps` more, each the likeliest; the model is shown the last model.positions of them."""
    for _ in range(steps):
        logits = model(ids[:, -model.positions :])
        likeliest = logits[:, -1].argmax(1, keepdim=True)
        ids = torch.cat([ids, likeliest], dim=1)
    return ids
