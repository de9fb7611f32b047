import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from exercises.word2vec.given import Config


def skip_gram_pairs(tokens: Int[Tensor, " n"], window: int) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    """Every word with each word at most `window` places before or after it, in any order. Source: Mikolov et al. 2013a."""
    raise NotImplementedError


def subsample(tokens: Int[Tensor, " n"], threshold: float, generator: torch.Generator) -> Int[Tensor, " kept"]:
    """`tokens` without most occurrences of frequent words: each is kept with probability min(1, √(threshold / share)).

    Source: Mikolov et al. 2013b, 2.3.
    """
    raise NotImplementedError


def noise_distribution(counts: Int[Tensor, " v"], power: float = 0.75) -> Float[Tensor, " v"]:
    """Probabilities in proportion to counts^power, float64; zero for a count of zero.

    Raises ValueError where all counts are zero. Source: Mikolov et al. 2013b, 2.2.
    """
    raise NotImplementedError


def draw_negatives(noise: Float[Tensor, " v"], pairs: int, k: int, generator: torch.Generator) -> Int[Tensor, "pairs k"]:
    """`k` independent draws from `noise` for each of so many pairs."""
    raise NotImplementedError


def negative_sampling_loss(
    v: Float[Tensor, "pairs d"], u: Float[Tensor, "pairs d"], negatives: Float[Tensor, "pairs k d"]
) -> Float[Tensor, ""]:
    """The mean over pairs of -log σ(u·v) - Σ log σ(-u′·v), the sum over the pair's negatives u′.

    Source: Mikolov et al. 2013b, 2.2.
    """
    raise NotImplementedError


class SkipGram(nn.Module):
    """Two vectors for each word: a row of `center` where it is the word in the middle, of `context` where it is a neighbour."""

    def __init__(self, vocab_size: int, dim: int, generator: torch.Generator) -> None:
        raise NotImplementedError

    def forward(
        self, centers: Int[Tensor, " pairs"], contexts: Int[Tensor, " pairs"], negatives: Int[Tensor, "pairs k"]
    ) -> Float[Tensor, ""]:
        """`negative_sampling_loss` of these words."""
        raise NotImplementedError


def train(tokens: Int[Tensor, " n"], config: Config, generator: torch.Generator) -> SkipGram:
    """Learn the vectors of `tokens`, in `config.epochs` passes. Source: Mikolov et al. 2013b."""
    raise NotImplementedError
