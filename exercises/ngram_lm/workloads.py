"""What the audit, the diagnosis and the clock ask of a submission."""

import math
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor

from grader.kit import built_in_text, refuses, workload

LENGTHS = [7, 0, 4, 1, 9, 3]
CONTEXTS = [[], [0], [3], [5], [0, 1], [1, 0], [5, 0], [2, 2], [0, 1, 2], [5, 1, 0], [1, 1, 1, 1, 0]]


def ids(seed: int, *shape: int, kinds: int = 4) -> Tensor:
    return torch.randint(kinds, shape, generator=torch.Generator().manual_seed(seed))


def texts(seed: int) -> list[Tensor]:
    """Texts of the ids 0 to 3; 4 and 5 are in the vocabulary of 6 and never occur."""
    return list(ids(seed, sum(LENGTHS)).split(LENGTHS))


def everywhere(ask: Callable[[Tensor], Tensor]) -> Tensor:
    """The answers after each of CONTEXTS."""
    return torch.stack([ask(torch.tensor(context, dtype=torch.int64)) for context in CONTEXTS])


@workload(time=1, tokens=[2**12, 2**13, 2**14, 2**15])
def real_text(submission: ModuleType, seed: int, tokens: int) -> dict[str, Tensor]:
    """The one that is timed: count the bytes of a text, then predict 20 others."""
    data = torch.tensor(list(built_in_text()[: tokens + 1000].encode()))
    ngrams = submission.NGrams(list(data[:tokens].split(500)), 3, 256)
    place = tokens + seed % 900
    return {
        "perplexity": torch.tensor(submission.perplexity(ngrams.kneser_ney, [data[place : place + 20]])),
        "mixed": ngrams.interpolated(data[place : place + 5], [0.1, 0.2, 0.3, 0.4]),
    }


@workload()
def added(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {}
    for order in (1, 2, 3):
        ngrams = submission.NGrams(texts(seed), order, 6)
        found |= {f"order {order}": everywhere(ngrams.add_k)}
        found |= {f"order {order}, k {k}": everywhere(lambda c, n=ngrams, k=k: n.add_k(c, k)) for k in (0.1, 2.5)}
    return found


@workload()
def mixed(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {}
    for weights in ([0.0, 1.0], [0.25, 0.75], [0.0, 0.0, 1.0], [0.1, 0.3, 0.6], [0.0, 0.0, 0.0, 1.0], [0.1, 0.2, 0.3, 0.4]):
        ngrams = submission.NGrams(texts(seed), len(weights) - 1, 6)
        found[str(weights)] = everywhere(lambda c, n=ngrams, w=weights: n.interpolated(c, w))
    return found


@workload()
def discounted(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {}
    for order in (1, 2, 3, 4):
        ngrams = submission.NGrams(texts(seed), order, 6)
        found |= {f"order {order}": everywhere(ngrams.kneser_ney)}
        found |= {
            f"order {order}, discount {d}": everywhere(lambda c, n=ngrams, d=d: n.kneser_ney(c, d)) for d in (0.0, 0.3, 1.0)
        }
    return found


@workload()
def nothing_known(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    ngrams, single = submission.NGrams([], 3, 6), submission.NGrams([ids(seed, 3, kinds=1)], 2, 1)
    found = {"add_k": everywhere(ngrams.add_k), "kneser_ney": everywhere(ngrams.kneser_ney)}
    found |= {"mixed": everywhere(lambda c: ngrams.interpolated(c, [0.0, 0.0, 0.5, 0.5]))}
    return found | {"one kind": single.kneser_ney(ids(seed, 2, kinds=1)), "one kind, add_k": single.add_k(ids(seed, 0))}


@workload()
def perplexities(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Of a model that looks at the whole context, of one that thinks a token impossible, and of one that knows nothing."""
    table = torch.rand(60, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
    table /= table.sum(1, keepdim=True)
    possible = torch.tensor([0.5, 0.5, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    found = {
        "of a table": submission.perplexity(lambda c: table[int((c + 1).sum())], texts(seed)),
        "impossible": submission.perplexity(lambda _: possible, [*texts(seed), torch.tensor([0, 3])]),
        "possible": submission.perplexity(lambda _: possible, [text % 2 for text in texts(seed)]),
    }
    return {name: torch.tensor(1 / value, dtype=torch.float64) for name, value in found.items()} | {
        "are floats": torch.tensor([type(value) is float for value in found.values()])
    }


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {}
    for dtype in (torch.uint8, torch.int32):
        ngrams = submission.NGrams([text.to(dtype) for text in texts(seed)], 3, 6)
        found[f"{dtype}"] = ngrams.kneser_ney(ids(seed, 4).to(dtype))
    spread = [text.repeat_interleave(2)[::2] for text in texts(seed)]
    found["spread"] = submission.NGrams(spread, 3, 6).kneser_ney(ids(seed, 8)[::2])
    return found | {"afterwards": torch.cat(spread)}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    known, context = texts(seed), ids(seed, 3)
    ngrams = submission.NGrams(known, 2, 6)
    weights = ([1.0], [0.5, 0.5], [0.2, 0.3, 0.5], [0.2, 0.3, 0.4], [-0.2, 0.2, 1.0], [0.25, 0.25, 0.25, 0.25])
    strange = [[*known, torch.tensor([0, token])] for token in (-2, -1, 5, 6, 7)]
    return {
        "order": torch.tensor([refuses(ValueError, submission.NGrams, known, order, 6) for order in (-1, 0, 1)]),
        "vocab": torch.tensor([refuses(ValueError, submission.NGrams, [], 2, vocab) for vocab in (-1, 0, 1)]),
        "ids": torch.tensor([refuses(IndexError, submission.NGrams, texts, 2, 6) for texts in strange]),
        "k": torch.tensor([refuses(ValueError, ngrams.add_k, context, k) for k in (-1.0, 0.0, 0.1, math.nan)]),
        "discount": torch.tensor([refuses(ValueError, ngrams.kneser_ney, context, d) for d in (-0.1, 0.0, 1.0, 1.1, math.nan)]),
        "weights": torch.tensor([refuses(ValueError, ngrams.interpolated, context, w) for w in weights]),
        "nothing": torch.tensor(
            [refuses(ValueError, submission.perplexity, lambda _: torch.ones(1), t) for t in ([], [known[1]])]
        ),
    }
