"""What the audit, the diagnosis and the clock ask of a submission.

Two right answers draw different tokens. So a workload that draws returns shares in tenths, of a distribution whose
probabilities are tenths: a share of 2 ** 13 draws is off by 0.05 with a probability of at most 2 exp(-40), by Hoeffding.
"""

import math

import torch
from torch import Tensor

from grader.kit import Submission, normal, refuses, workload

DRAWS = 2**13


def shares(tokens: Tensor, vocabulary: int) -> Tensor:
    return (tokens[..., None] == torch.arange(vocabulary)).float().mean(0).round(decimals=1)


@workload(time=1, memory=1, vocabulary=[2**13, 2**14, 2**15, 2**16])
def large_vocabulary(submission: Submission, seed: int, vocabulary: int) -> dict[str, Tensor]:
    """The one that is timed: all three knobs on four rows, and one token for each.

    Of a row, a thousandth is returned. The best logits lie far apart, so that no rounding decides what reaches top_p.
    """
    logits = normal(seed, vocabulary).clamp(max=1.0).repeat(4, 1)
    logits[:, :4] = torch.tensor([12.0, 11.0, 9.5, 8.0])
    found = submission.distribution(logits, 0.8, 50, 0.9)
    tokens = submission.sample(logits, 0.8, 50, 0.9)
    return {"kept": found[:, :: vocabulary // 8], "best": found[:, :8], "drawn from them": tokens < 4}


@workload()
def temperatures(submission: Submission, seed: int) -> dict[str, Tensor]:
    x = normal(seed, 3, 7)
    found = {str(t): submission.distribution(x, t) for t in (0.0, 0.1, 0.7, 1.0, 3.0)}
    found |= {f"{shift} added": submission.distribution(x.double() + shift) for shift in (-1000.0, 1000.0)}
    apart = 100 + torch.randperm(7, generator=torch.Generator().manual_seed(seed)).float()
    return found | {f"{t} at a hundred": submission.distribution(apart, t) for t in (1e-3, 1e-37)}


@workload()
def top_k(submission: Submission, seed: int) -> dict[str, Tensor]:
    x = normal(seed, 3, 7)
    ties = torch.tensor([1.0, 2.0, 1.0, 1.0, 2.0, 1.0])
    found = {str(k): submission.distribution(x, 0.7, k) for k in (1, 2, 6, 7, 100)}
    return found | {f"{k} of ties": submission.distribution(ties, 0.7, k) for k in (1, 2, 3, 5)}


@workload()
def top_p(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Probabilities in tenths, shuffled, and lines that lie between their sums; ties; and a tail that hardly counts."""
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()[order]
    found = {str(p): submission.distribution(logits, top_p=p) for p in (0.01, 0.35, 0.45, 0.65, 0.8, 0.95, 1.0)}
    found |= {f"{p} of ties": submission.distribution(torch.zeros(10), top_p=p) for p in (0.05, 0.35, 0.55)}
    return found | {"tail": submission.distribution(torch.linspace(0, -60, 2_000), top_p=1.0) > 0}


@workload()
def knobs_together(submission: Submission, seed: int) -> dict[str, Tensor]:
    """The squares of probabilities in tenths are those of temperature 0.5: 16, 9, 4 and 1 thirtieths."""
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()[order]
    lines = [
        (1.0, 2, 0.45),
        (1.0, 2, 0.65),
        (1.0, 3, 0.42),
        (0.5, None, 0.5),
        (0.5, None, 0.8),
        (0.5, 3, 0.6),
        (2.0, None, 0.35),
    ]
    return {str(line): submission.distribution(logits, *line) for line in lines}


@workload()
def banned_tokens(submission: Submission, seed: int) -> dict[str, Tensor]:
    x = normal(seed, 3, 7)
    x[:, ::2] = -math.inf
    x[2, :5] = -math.inf  # one token is left
    return {f"{t} {k}": submission.distribution(x, t, k) for t in (0.0, 0.7) for k in (None, 2, 5)}


@workload()
def unusual_tensors(submission: Submission, seed: int) -> dict[str, Tensor]:
    x, settings = normal(seed, 6, 10), (0.7, 4)
    views = {
        "strided": x.T[::2],
        "double": x.double() / 3,
        "half": x.half(),
        "one row": x[0],
        "one token": x[:, :1],
        "empty": x[:0],
    }
    found = {name: submission.distribution(view, *settings) for name, view in views.items()}
    for dtype in (torch.float16, torch.bfloat16):
        kept = submission.distribution(torch.zeros(3_000, dtype=dtype), top_p=0.5)
        found[f"{dtype}"] = torch.stack([(kept > 0).float().mean().round(decimals=1), kept.sum()])
    for temperature in (0.0, 0.5, 1.0):
        submission.distribution(x, temperature, 3, 0.5)
        submission.sample(x, temperature, 3, 0.5)
    return found | {"logits": x}


@workload()
def draws(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Four tokens of which top-k leaves three, with probabilities in tenths; and how often two rows differ."""
    logits = torch.tensor([0.5, 0.3, 0.2, 0.1]).log()
    tokens = submission.sample(logits.expand(DRAWS, 2, -1), 1.0, 3)
    tempered = submission.sample(logits[:2].mul(2).expand(DRAWS, -1), 2.0, None, 0.9)
    return {"tokens": shares(tokens, 4), "tempered": (tempered == 0).any() & (tempered == 1).any(), "dtype": tokens[:0],
            "differ": (tokens[:, 0] != tokens[:, 1]).float().mean().round(decimals=1)}  # fmt: skip


@workload()
def repetition(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Whether draws repeat: after the same state of the generator, and never otherwise."""
    logits = torch.zeros(200, 5)
    mine = [submission.sample(logits, generator=torch.Generator().manual_seed(seed)) for _ in range(2)]
    state = torch.get_rng_state()
    others = [submission.sample(logits) for _ in range(2)]
    torch.set_rng_state(state)
    again = submission.sample(logits)
    submission.sample(logits, generator=torch.Generator().manual_seed(seed))
    pairs = [mine, [others[0], again], others]
    return {"equal": torch.tensor([torch.equal(*pair) for pair in pairs])}


@workload()
def greedy_tokens(submission: Submission, seed: int) -> dict[str, Tensor]:
    x = normal(seed, 2, 3, 7).mul(2).round()
    return {"all": submission.sample(x, 0.0), "one": submission.sample(x[0, 0], 0.0), "none": submission.sample(x[:0], 0.0)}


@workload()
def refusals(submission: Submission, seed: int) -> dict[str, Tensor]:
    settings = [{"temperature": t} for t in (-0.1, 0.0, math.inf, math.nan)]
    settings += [{"top_k": k} for k in (-1, 0, 1)] + [{"top_p": p} for p in (-0.1, 0.0, 1.0, 1.1, math.nan)]
    x = normal(seed, 3)
    functions = submission.distribution, submission.sample
    return {
        "refused": torch.tensor([[refuses(ValueError, function, x, **each) for each in settings] for function in functions])
    }
