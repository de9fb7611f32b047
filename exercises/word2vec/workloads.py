"""What the audit, the diagnosis and the clock ask of a submission.

Two right answers draw different words, so a workload returns what no draw can change: shares rounded to where chance does
not reach (of 20,000 coins, a share is off by 0.04 with a probability of at most 3e-28, by Hoeffding), sums, signs.
"""

from dataclasses import replace
from types import ModuleType

import torch
from torch import Tensor

from exercises.word2vec.given import Config
from grader.kit import gradients, normal, refuses, scattered, workload

MANY = 20_000
TINY = Config(vocab_size=6, dim=3, window=1, negatives=2, threshold=0.1, epochs=1, batch_size=8)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ids(seed: int, *shape: int) -> Tensor:
    return torch.randint(6, shape, generator=seeded(seed))


def counted(pairs: tuple[Tensor, Tensor]) -> Tensor:
    """How often each pair of words 0 to 9 occurs: pairs come in any order."""
    centers, contexts = pairs
    return (10 * centers + contexts).bincount(minlength=100)


@workload(time=1, memory=1, pairs=[2**10, 2**12, 2**14, 2**16])
def large_batches(submission: ModuleType, seed: int, pairs: int) -> dict[str, Tensor]:
    """The one that is timed: loss and gradients of a batch, for 1,000 words. torch has no operator to put beside it."""
    model = submission.SkipGram(1_000, 64, seeded(seed))
    words = torch.arange(7 * pairs).reshape(7, pairs) * 7_919 % 1_000
    model.center.data, model.context.data = normal(seed, 2, 1_000, 64) / 8
    loss = model(words[0], words[1], words[2:].T)
    return {"loss": loss, "gradient": torch.autograd.grad(loss, model.center)[0][:3]}


@workload()
def pairs_of_short_texts(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    text = ids(seed, 18)[::2]
    found = {f"{window}": counted(submission.skip_gram_pairs(text, window)) for window in (1, 2, 5, 20)}
    found |= {f"{n} words": counted(submission.skip_gram_pairs(torch.arange(n), 2)) for n in (0, 1, 2, 10)}
    return found | {"text": text}


@workload()
def subsampling(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Word 0 has a share of 0.8 and word 1 of 0.2: with a threshold of 0.072 they are kept with 0.3 and 0.6."""
    text = torch.tensor([0, 0, 0, 0, 1]).repeat(MANY)
    kept = submission.subsample(text, 0.072, seeded(seed))
    left = submission.subsample(torch.arange(1_000), 1e-4, seeded(seed))
    torch.default_generator.manual_seed(seed + 1)
    again = submission.subsample(text, 0.072, seeded(seed))
    return {
        "shares": (kept.bincount(minlength=2) / text.bincount()).round(decimals=1),
        "all": submission.subsample(text[:99], 1.0, seeded(seed)),
        "sorted": torch.tensor([bool((left.diff() > 0).all()), torch.equal(kept, again), 0 < len(left) < 1_000]),
    }


@workload()
def noise(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    counts = ids(seed, 8).square() + torch.tensor([0, 1, 0, 0, 0, 2, 3, 0])
    found = {f"{power}": submission.noise_distribution(counts, power) for power in (0.0, 0.5, 1.0)}
    found["refused"] = torch.tensor([refuses(ValueError, submission.noise_distribution, n * counts) for n in (0, 1)])
    return found | {"default": submission.noise_distribution(counts)}


@workload()
def negatives(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Probabilities that rounding cannot mistake; and of a thousand words, how many are met."""
    drawn = submission.draw_negatives(torch.tensor([0.6, 0.0, 0.3, 0.1]).double(), MANY // 5, 5, seeded(seed))
    many = submission.draw_negatives(torch.full((1_000,), 0.001).double(), 50, 5, seeded(seed))
    again = submission.draw_negatives(torch.full((1_000,), 0.001).double(), 50, 5, seeded(seed))
    few = submission.draw_negatives(torch.ones(1).double(), 3, 4, seeded(seed))
    facts = torch.tensor([len(many.unique()) > 150, torch.equal(many, again)])
    return {"shares": (drawn.flatten().bincount(minlength=4) / MANY).round(decimals=1), "facts": facts, "few": few}


@workload()
def losses(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    v, u, negatives = case = [normal(seed + n, *shape).requires_grad_() for n, shape in enumerate([(3, 4), (3, 4), (3, 2, 4)])]
    loss = submission.negative_sampling_loss(*case)
    found = {"loss": loss} | dict(zip("vun", gradients(loss, *case), strict=True))
    found["twice"] = submission.negative_sampling_loss(*(torch.cat([x, x]) for x in case))
    found["no negatives"] = submission.negative_sampling_loss(v, u, negatives[:, :0])
    found["large"] = submission.negative_sampling_loss(1_000 * v, u, 1_000 * negatives)
    found |= {
        f"{dtype}": submission.negative_sampling_loss(*(x.to(dtype) for x in case)) for dtype in (torch.float64, torch.half)
    }
    return found | {"scattered": submission.negative_sampling_loss(*map(scattered, case))}


@workload()
def new_models(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model = submission.SkipGram(500, 8, seeded(seed))
    center, context = model.center.detach(), model.context.detach()
    facts = torch.stack([center.abs().max() <= 1 / 16, (center < 0).any(), (center > 0).any()])
    span = (16 * torch.stack([center.min(), center.max()])).round(decimals=1)
    again = submission.SkipGram(500, 8, seeded(seed)).center.detach() - center
    return {"context": context, "facts": facts, "span": span, "again": again}


@workload()
def losses_of_models(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model = submission.SkipGram(6, 4, seeded(seed))
    model.center.data, model.context.data = normal(seed, 2, 6, 4)
    loss = model(ids(seed, 5), ids(seed + 1, 5), ids(seed + 2, 5, 3))
    return {"loss": loss, "center": gradients(loss, model.center)[0]}


@workload()
def training(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """What is left at zero where there is nothing to learn, and whether the same run comes again."""
    text, found = ids(seed, 40), {}
    for name, tokens, config in (("dropped", text, replace(TINY, threshold=1e-30)), ("one word", text[:1], TINY)):
        found[name] = submission.train(tokens, config, seeded(seed)).context.detach()
    runs = []
    for number in range(2):
        torch.default_generator.manual_seed(seed + number)
        runs.append(submission.train(text, TINY, seeded(seed)))
    found["again"] = runs[0].center.detach() - runs[1].center.detach()
    return found | {"learned": (runs[0].context != 0).any(1), "text": text}
