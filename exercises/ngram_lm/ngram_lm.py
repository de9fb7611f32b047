from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor


class NGrams:
    """What followed each context in some texts, and three estimates of what comes next, each a distribution over `vocab` ids.

    A context is all that comes before in its text; its last `order - 1` tokens count. Source: Chen and Goodman 1998.
    """

    def __init__(self, texts: Sequence[Int[Tensor, " n"]], order: int, vocab: int) -> None:
        """Count. Raises ValueError where `order` or `vocab` is below 1, IndexError for an id outside 0 … vocab - 1."""
        raise NotImplementedError

    def add_k(self, context: Int[Tensor, " n"], k: float = 1.0) -> Float[Tensor, " vocab"]:
        """Counts after the whole history, each raised by k, as shares. Raises ValueError unless k is above 0."""
        raise NotImplementedError

    def interpolated(self, context: Int[Tensor, " n"], weights: Sequence[float]) -> Float[Tensor, " vocab"]:
        """The mean, by `weights`, of the uniform distribution and the shares after the last 0, 1, … order - 1 tokens.

        A history that never occurred leaves its weight to the next shorter one. Raises ValueError unless there are order + 1
        weights, none below 0, whose sum is 1.
        """
        raise NotImplementedError

    def kneser_ney(self, context: Int[Tensor, " n"], discount: float = 0.75) -> Float[Tensor, " vocab"]:
        """Interpolated Kneser-Ney, from the uniform distribution up. Raises ValueError unless 0 <= discount <= 1."""
        raise NotImplementedError


def perplexity(model: Callable[[Int[Tensor, " n"]], Float[Tensor, " vocab"]], texts: Sequence[Int[Tensor, " n"]]) -> float:
    """The exponential of the mean of -log p over all tokens of all texts, each given what comes before in its text.

    inf where a token has no probability. Raises ValueError where there are no tokens.
    """
    raise NotImplementedError
