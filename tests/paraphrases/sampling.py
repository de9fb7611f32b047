"""Four mistakes of sampling, made again by another route: each must still be recognized under its name."""

import math

import torch

from grader.kit import instead_of


def refuse_nonsense(temperature, top_k, top_p):
    if not (temperature >= 0 and temperature < math.inf and top_p > 0 and top_p <= 1) or (top_k or 1) < 1 or top_k == 0:
        raise ValueError("settings")


def row_by_row(logits, of_a_row):
    """`of_a_row` on each row, once for equal ones, in float32 or better."""
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    different, which = wide.reshape(-1, logits.shape[-1]).unique(dim=0, return_inverse=True)
    rows = [of_a_row(row) for row in different]
    return torch.stack(rows)[which].reshape(logits.shape) if rows else wide


def ranking(row):
    return sorted(range(len(row)), key=lambda token: (-row[token].item(), token))


def tempered(row, temperature):
    if temperature == 0:
        best = ranking(row)[0]
        return torch.full_like(row, -math.inf).index_fill(0, torch.tensor([best]), 0.0)
    return (row - row.max()) / temperature


def of_the_tokens(row, tokens):
    """The softmax over `tokens` alone."""
    index = torch.tensor(tokens)
    return torch.zeros_like(row).index_put((index,), row[index].softmax(0))


def until(row, tokens, top_p, spare=0):
    """The first of `tokens` whose probabilities reach top_p, less `spare` of them but at least one."""
    probabilities, total, count = of_the_tokens(row, tokens), 0.0, 0
    while count < len(tokens) and (total < top_p or top_p == 1):
        total += probabilities[tokens[count]].item()
        count += 1
    return tokens[: max(1, count - (spare if top_p < 1 else 0))]


@instead_of("distribution")
def drops_the_token_that_crosses(logits, temperature=1.0, top_k=None, top_p=1.0):
    refuse_nonsense(temperature, top_k, top_p)

    def of_a_row(row):
        row = tempered(row, temperature)
        return of_the_tokens(row, until(row, ranking(row)[:top_k], top_p, spare=1))

    return row_by_row(logits, of_a_row)


@instead_of("distribution")
def tempers_after_the_filters(logits, temperature=1.0, top_k=None, top_p=1.0):
    refuse_nonsense(temperature, top_k, top_p)
    return row_by_row(logits, lambda row: of_the_tokens(tempered(row, temperature), until(row, ranking(row)[:top_k], top_p)))


@instead_of("distribution")
def measures_top_p_before_top_k(logits, temperature=1.0, top_k=None, top_p=1.0):
    refuse_nonsense(temperature, top_k, top_p)

    def of_a_row(row):
        row = tempered(row, temperature)
        return of_the_tokens(row, until(row, ranking(row), top_p)[:top_k])

    return row_by_row(logits, of_a_row)


@instead_of("sample")
def draws_once_for_all_rows(logits, temperature=1.0, top_k=None, top_p=1.0, generator=None):
    probabilities = distribution(logits, temperature, top_k, top_p)  # noqa: F821
    clock = torch.empty(logits.shape[-1]).exponential_(generator=generator)
    return (probabilities / clock).argmax(-1)
