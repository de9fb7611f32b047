import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Cache = tuple[Float[Tensor, "batch past width"], Float[Tensor, "batch past width"]]  # keys and values


def positions(past: int, time: int) -> Int[Tensor, " time"]:
    """The positions of `time` new ids behind `past` that are cached."""
    return torch.arange(past, past + time)  # from 0 to past - 1 are taken


def allowed(past: int, time: int) -> Bool[Tensor, "time past+time"]:
    """Which keys, cached ones first, each of `time` new positions may attend to."""
    # The first new row is not the first row of the matrix: its diagonal begins `past` columns further right.
    return torch.ones(time, past + time, dtype=torch.bool).tril(past)


class CachedModel(nn.Module):
    """A language model of one attention layer with one head; parameters: tokens, places, query, key, value and head."""

    def __init__(self, vocabulary: int, longest: int, width: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(longest, width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.head = nn.Linear(width, vocabulary)

    def forward(
        self, ids: Int[Tensor, "batch time"], cache: Cache | None = None
    ) -> tuple[Float[Tensor, "batch time vocabulary"], Cache]:
        """The logits at the new ids, which follow those in the cache, and the cache with the new ones in it."""
        past = cache[0].shape[1] if cache else 0
        x = self.tokens(ids) + self.places(positions(past, ids.shape[1]))
        keys, values = self.key(x), self.value(x)
        if cache:
            keys, values = torch.cat([cache[0], keys], dim=1), torch.cat([cache[1], values], dim=1)
        scores = self.query(x) @ keys.mT / x.shape[-1] ** 0.5
        weights = scores.masked_fill(~allowed(past, ids.shape[1]), -torch.inf).softmax(-1)
        return self.head(x + weights @ values), (keys, values)


@torch.no_grad()
def generate(model: nn.Module, ids: Int[Tensor, "batch time"], steps: int) -> Int[Tensor, "batch time+steps"]:
    """The ids, and after them `steps` more, each the likeliest."""
    new, cache = ids, None
    for _ in range(steps):
        logits, cache = model(new, cache)  # what the cache holds is not shown again
        new = logits[:, -1].argmax(1, keepdim=True)
        ids = torch.cat([ids, new], dim=1)
    return ids
