"""What the audit, the diagnosis and the clock ask of a submission."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grader.kit import Submission, normal, quarters, refuses, workload

Model = Callable[[Tensor], Tensor]
PROMPT = torch.tensor([1, 2, 0])
EOS = 0
ROWS = 13 * 8


def from_table(table: Tensor) -> Model:
    """A model whose next token depends on all tokens so far: they choose the row of the table, in a part for each length.

    So no two texts have the same log-probabilities in another order, whose sums only rounding would tell apart.
    """
    part = len(table) // 8
    place = lambda length: torch.arange(1, length + 1)
    return lambda tokens: table[(tokens * place(tokens.shape[1])).sum(1) % part + part * (tokens.shape[1] % 8)]


def random_model(seed: int, vocabulary: int) -> Model:
    return from_table((2 * normal(seed, ROWS, vocabulary)).log_softmax(-1))


def told(*results: list[tuple[list[int], float]]) -> dict[str, Tensor]:
    """All tokens, with -1 after each hypothesis and -2 after each result; the scores; and whether all is of the right type.

    Sums may be kept in float32, so the scores are compared as such.
    """
    tokens, scores, types = [], [], []
    for result in results:
        for text, score in result:
            tokens += [*text, -1]
            scores.append(score)
            types += [type(token) is int for token in text] + [type(score) is float]
        tokens.append(-2)
    numbers = {"scores": torch.tensor(scores), "types": torch.tensor(types, dtype=torch.bool)}
    return {"tokens": torch.tensor(tokens)} | numbers


@workload(time=1, memory=1, vocabulary=[2**12, 2**13, 2**14, 2**15])
def large_vocabulary(submission: Submission, seed: int, vocabulary: int) -> dict[str, Tensor]:
    """The one that is timed: four beams for eight steps. The table's rows are one row, shifted and stretched: cheap to make."""
    row = (4 * normal(seed, vocabulary)).log_softmax(-1)
    model = from_table(torch.stack([row.roll(97 * k) * (1 + k / 64) for k in range(32)]))
    return told(submission.beam_search(model, PROMPT, 4, 8, vocabulary // 2, 1.0))


@workload()
def settings(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Beams, lengths and penalties of many kinds."""
    found = []
    for number, beams in enumerate((1, 2, 3, 5)):
        for max_new in (1, 2, 5):
            for alpha in (0.0, 0.5, 1.0, 2.0):
                found.append(submission.beam_search(random_model(seed + number, 4), PROMPT, beams, max_new, EOS, alpha))
    return told(*found, submission.beam_search(random_model(seed, 4), PROMPT, 2, 4, EOS))


@workload()
def ties(submission: Submission, seed: int) -> dict[str, Tensor]:
    found = []
    for beams in (1, 2, 4):
        model = from_table(-quarters(seed + beams, ROWS, 4).abs())
        found += [submission.beam_search(model, PROMPT, beams, 4, eos, 0.0) for eos in (0, 2, 3)]
        found.append(submission.beam_search(lambda tokens: torch.full((len(tokens), 40), -1.0), PROMPT, beams, 2, 0))
    return told(*found)


@workload()
def forbidden_tokens(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Half of the tokens forbidden, eos forbidden, all of them forbidden, one that is left."""
    table = normal(seed, ROWS, 5).log_softmax(-1)
    half = table.masked_fill(normal(seed + 1, ROWS, 5) > 0, -math.inf)
    never = table.index_fill(1, torch.tensor([EOS]), -math.inf)
    alone = never.masked_fill(torch.arange(5) != 3, -math.inf)
    tables = [half, never, torch.full_like(table, -math.inf), alone]
    return told(*(submission.beam_search(from_table(each), PROMPT, 3, 3, EOS, 0.5) for each in tables))


@workload()
def ends_of_a_search(submission: Submission, seed: int) -> dict[str, Tensor]:
    """How often the model is called, and with how many rows of which length, where eos is likely and where it is not."""
    shapes, found = [], []
    for shift in (-4.0, 0.0, 4.0, 8.0):
        logits = normal(seed, ROWS, 5)
        logits[:, EOS] += shift
        model = from_table(logits.log_softmax(-1))

        def watched(tokens: Tensor, model: Model = model) -> Tensor:
            shapes.append(list(tokens.shape))
            return model(tokens)

        for beams in (1, 3):
            for alpha in (0.0, 1.0):
                found.append(submission.beam_search(watched, PROMPT, beams, 6, EOS, alpha))
                shapes.append([-1, -1])
    return told(*found) | {"calls": torch.tensor(shapes)}


@workload()
def long_against_short(submission: Submission, seed: int) -> dict[str, Tensor]:
    """An end at once, or a text that costs more and then nothing: just above and just below what a penalty forgives."""
    found = []
    for alpha in (0.0, 0.5, 1.0, 2.0):
        for more in (-0.25, 0.25):
            first, rest = torch.tensor([[-1.0, -(6**alpha) - more]]), torch.tensor([[-math.inf, 0.0]])
            model = lambda tokens, first=first, rest=rest: (first if tokens.shape[1] == 3 else rest).expand(len(tokens), -1)
            found += [submission.beam_search(model, PROMPT, beams, 6, EOS, alpha) for beams in (1, 2)]
    return told(*found)


@workload()
def unusual_arguments(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Other dtypes, whose sums must not be rounded to them; one token to choose from; prompts of other lengths; a wide beam."""
    found, prompt = [], PROMPT.clone()
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        coarse = (-8 - normal(seed, ROWS, 4).abs()).to(dtype)
        found.append(submission.beam_search(from_table(coarse), prompt, 2, 6 if dtype == torch.float64 else 40, 9, 0.0))
    found.append(submission.beam_search(random_model(seed, 1), prompt, 3, 4, EOS))
    found += [submission.beam_search(random_model(seed, 4), torch.arange(length), 2, 3, EOS) for length in (1, 5)]
    found.append(submission.beam_search(random_model(seed, 3), prompt, 40, 3, EOS))
    return told(*found) | {"prompt": prompt}


@workload()
def refusals(submission: Submission, seed: int) -> dict[str, Tensor]:
    model, right = random_model(seed, 3), {"beams": 2, "max_new": 2, "eos": EOS, "alpha": 1.0}
    wrong = [{"beams": -1}, {"beams": 0}, {"beams": 1}, {"max_new": 0}, {"max_new": 1}, {"alpha": -0.5}, {"alpha": 0.0}]
    refused = [
        refuses(ValueError, submission.beam_search, model, PROMPT, **(right | each)) for each in (*wrong, {"alpha": math.nan})
    ]
    return {"refused": torch.tensor(refused)}
