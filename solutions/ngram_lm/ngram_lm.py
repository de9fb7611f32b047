import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

_START = -1  # stands before the first token of every text: no token has this id


class NGrams:
    """What followed each context in some texts, and three estimates of what comes next, each a distribution over `vocab` ids.

    A context is all that comes before in its text; its last `order - 1` tokens count. Source: Chen and Goodman 1998.
    """

    def __init__(self, texts: Sequence[Int[Tensor, " n"]], order: int, vocab: int) -> None:
        """Count. Raises ValueError where `order` or `vocab` is below 1, IndexError for an id outside 0 … vocab - 1."""
        if order < 1 or vocab < 1:
            raise ValueError(f"order {order} and vocab {vocab} should be at least 1")
        self.order, self.vocab = order, vocab
        # What followed each history of 0 … order - 1 tokens, and how often.
        self._followers: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for text in texts:
            tokens = text.tolist()
            if any(not 0 <= token < vocab for token in tokens):
                raise IndexError(f"ids must lie in 0 … {vocab - 1}")
            for place, token in enumerate(tokens):
                history = self._history(tokens[:place])
                for start in range(order):
                    self._followers[history[start:]][token] += 1
        # Below the highest order, Kneser and Ney count a follower once for each different token in front.
        self._continuations: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for history, followers in self._followers.items():
            if history:
                self._continuations[history[1:]].update(followers.keys())

    def add_k(self, context: Int[Tensor, " n"], k: float = 1.0) -> Float[Tensor, " vocab"]:
        """Counts after the whole history, each raised by k, as shares. Raises ValueError unless k is above 0."""
        if not k > 0:
            raise ValueError(f"k should be above 0, not {k}")
        counts = self._vector(self._followers, self._history(context.tolist())) + k
        return counts / counts.sum()

    def interpolated(self, context: Int[Tensor, " n"], weights: Sequence[float]) -> Float[Tensor, " vocab"]:
        """The mean, by `weights`, of the uniform distribution and the shares after the last 0, 1, … order - 1 tokens.

        A history that never occurred leaves its weight to the next shorter one. Raises ValueError unless there are order + 1
        weights, none below 0, whose sum is 1.
        """
        if len(weights) != self.order + 1 or min(weights) < 0 or not math.isclose(sum(weights), 1, abs_tol=1e-6):
            raise ValueError(f"{self.order + 1} weights should be at least 0 and have a sum of 1")
        shares = self._uniform()
        mean = weights[0] * shares
        history = self._history(context.tolist())
        for length, weight in enumerate(weights[1:]):
            counts = self._vector(self._followers, history[len(history) - length :])
            if counts.any():
                shares = counts / counts.sum()
            mean += weight * shares
        return mean

    def kneser_ney(self, context: Int[Tensor, " n"], discount: float = 0.75) -> Float[Tensor, " vocab"]:
        """Interpolated Kneser-Ney, from the uniform distribution up. Raises ValueError unless 0 <= discount <= 1."""
        if not 0 <= discount <= 1:
            raise ValueError(f"the discount should lie in [0, 1], not {discount}")
        history = self._history(context.tolist())
        shares = self._uniform()
        for start in reversed(range(self.order)):
            table = self._continuations if start else self._followers
            counts = self._vector(table, history[start:])
            if counts.any():
                # What is taken from every kind that was seen is exactly what the shorter history may give out again.
                taken = counts.clamp(max=discount)
                shares = (counts - taken + taken.sum() * shares) / counts.sum()
        return shares

    def _history(self, context: list[int]) -> tuple[int, ...]:
        """The last order - 1 tokens; before a text begins, START stands at every place."""
        padded = [_START] * (self.order - 1) + context
        return tuple(padded[len(context) :])  # not [-(order - 1):], which is everything for an order of 1

    def _vector(self, table: defaultdict[tuple[int, ...], Counter[int]], history: tuple[int, ...]) -> Float[Tensor, " vocab"]:
        counts = torch.zeros(self.vocab, dtype=torch.float64)
        for token, count in table.get(history, Counter()).items():
            counts[token] = count
        return counts

    def _uniform(self) -> Float[Tensor, " vocab"]:
        return torch.full((self.vocab,), 1 / self.vocab, dtype=torch.float64)


def perplexity(model: Callable[[Int[Tensor, " n"]], Float[Tensor, " vocab"]], texts: Sequence[Int[Tensor, " n"]]) -> float:
    """The exponential of the mean of -log p over all tokens of all texts, each given what comes before in its text.

    inf where a token has no probability. Raises ValueError where there are no tokens.
    """
    losses = [-model(text[:place])[token].log() for text in texts for place, token in enumerate(text.tolist())]
    if not losses:
        raise ValueError("there is no token to predict")
    return torch.stack(losses).mean().exp().item()
