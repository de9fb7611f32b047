import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from exercises.word2vec.given import Config

_RATE = 0.05  # for each pair


def skip_gram_pairs(tokens: Int[Tensor, " n"], window: int) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    """Every word with each word at most `window` places before or after it, in any order. Source: Mikolov et al. 2013a."""
    centers, contexts = [tokens[:0]], [tokens[:0]]
    for distance in range(1, window + 1):
        left, right = tokens[:-distance], tokens[distance:]  # every two words that are this far apart, once each way
        centers += [left, right]
        contexts += [right, left]
    return torch.cat(centers), torch.cat(contexts)


def subsample(tokens: Int[Tensor, " n"], threshold: float, generator: torch.Generator) -> Int[Tensor, " kept"]:
    """`tokens` without most occurrences of frequent words: each is kept with probability min(1, √(threshold / share)).

    Source: Mikolov et al. 2013b, 2.3.
    """
    shares = tokens.bincount() / len(tokens)
    coins = torch.rand(len(tokens), generator=generator)
    return tokens[coins < (threshold / shares).sqrt()[tokens]]  # a coin is below 1, so the minimum takes care of itself


def noise_distribution(counts: Int[Tensor, " v"], power: float = 0.75) -> Float[Tensor, " v"]:
    """Probabilities in proportion to counts^power, float64; zero for a count of zero.

    Raises ValueError where all counts are zero. Source: Mikolov et al. 2013b, 2.2.
    """
    if not counts.any():
        raise ValueError("no word occurs")
    weights = counts.double().pow(power).masked_fill(counts == 0, 0.0)  # 0 to the power of 0 is 1
    return weights / weights.sum()


def draw_negatives(noise: Float[Tensor, " v"], pairs: int, k: int, generator: torch.Generator) -> Int[Tensor, "pairs k"]:
    """`k` independent draws from `noise` for each of so many pairs."""
    if pairs * k == 0:
        return torch.empty(pairs, k, dtype=torch.int64)
    return torch.multinomial(noise, pairs * k, replacement=True, generator=generator).reshape(pairs, k)


def negative_sampling_loss(
    v: Float[Tensor, "pairs d"], u: Float[Tensor, "pairs d"], negatives: Float[Tensor, "pairs k d"]
) -> Float[Tensor, ""]:
    """The mean over pairs of -log σ(u·v) - Σ log σ(-u′·v), the sum over the pair's negatives u′.

    Source: Mikolov et al. 2013b, 2.2.
    """
    real = (u * v).sum(1)
    noise = (negatives @ v.unsqueeze(2)).squeeze(2)
    # 1 - σ(s) is σ(-s), so both kinds have one form; and log σ in one piece doesn't take the logarithm of a zero.
    return -(F.logsigmoid(real) + F.logsigmoid(-noise).sum(1)).mean()


class SkipGram(nn.Module):
    """Two vectors for each word: a row of `center` where it is the word in the middle, of `context` where it is a neighbour."""

    def __init__(self, vocab_size: int, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        # One table may start at zero: its gradient is made of the other's rows. If both did, neither would ever move.
        self.center = nn.Parameter((torch.rand(vocab_size, dim, generator=generator) - 0.5) / dim)
        self.context = nn.Parameter(torch.zeros(vocab_size, dim))

    def forward(
        self, centers: Int[Tensor, " pairs"], contexts: Int[Tensor, " pairs"], negatives: Int[Tensor, "pairs k"]
    ) -> Float[Tensor, ""]:
        """`negative_sampling_loss` of these words."""
        v, u = F.embedding(centers, self.center), F.embedding(contexts, self.context)
        return negative_sampling_loss(v, u, F.embedding(negatives, self.context))


def train(tokens: Int[Tensor, " n"], config: Config, generator: torch.Generator) -> SkipGram:
    """Learn the vectors of `tokens`, in `config.epochs` passes. Source: Mikolov et al. 2013b."""
    model = SkipGram(config.vocab_size, config.dim, generator)
    noise = noise_distribution(tokens.bincount())
    tables = list(model.parameters())
    for _ in range(config.epochs):
        centers, contexts = skip_gram_pairs(subsample(tokens, config.threshold, generator), config.window)
        for batch in torch.randperm(len(centers), generator=generator).split(config.batch_size):
            negatives = draw_negatives(noise, len(batch), config.negatives, generator)
            loss = model(centers[batch], contexts[batch], negatives)
            # The loss is a mean, but a pair should move its rows as far in a large batch as it would alone: hence the factor.
            for table, gradient in zip(tables, torch.autograd.grad(loss, tables), strict=True):
                table.data -= _RATE * len(batch) * gradient
    return model
