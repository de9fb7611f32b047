import math

import torch

from grader.kit import Equivalent, instead_of


def over_the_power(total, n, alpha, prompt):
    return total / n**alpha


def by_rank(extension):
    """Sum, then the rank of the parent, then the token."""
    return -extension.total, extension.parent, extension.tokens[-1:]


class Extension:
    """A hypothesis, with the rank of the one that it continues."""

    def __init__(self, tokens, total, parent):
        self.tokens, self.total, self.parent = tokens, total, parent


def all_extensions(model, prompt, hypotheses):
    rows = torch.stack([torch.cat([prompt, torch.tensor(each.tokens, dtype=torch.int64)]) for each in hypotheses])
    for parent, (each, numbers) in enumerate(zip(hypotheses, model(rows).double().tolist(), strict=True)):
        for token, number in enumerate(numbers):
            if number > -math.inf:
                yield Extension([*each.tokens, token], each.total + number, parent)


def ends_among_the_best(ranked, eos, beams):
    return [each for each in ranked[:beams] if each.tokens[-1] == eos]


def others(ranked, eos, beams):
    return [each for each in ranked if each.tokens[-1] != eos][:beams]


def nothing_can_change(finished, still_open, beams, max_new, alpha):
    return len(finished) == beams and still_open[0].total / max_new**alpha <= finished[-1][1]


def search(
    model, prompt, beams, max_new, eos, alpha, *, starts=1, extensions=all_extensions, rank=by_rank, ends=ends_among_the_best,
    goes_on=others, score=over_the_power, is_over=nothing_can_change, cut_off=True,
):  # fmt: skip
    """Beam search whose decisions can be taken otherwise, one at a time."""
    if beams < 1 or max_new < 1 or not alpha >= 0:
        raise ValueError
    still_open, finished = [Extension([], 0.0, 0)] * starts, []
    for n in range(1, max_new + 1):
        ranked = sorted(extensions(model, prompt, still_open), key=rank)
        finished += [(each.tokens, score(each.total, n, alpha, prompt)) for each in ends(ranked, eos, beams)]
        still_open = goes_on(ranked, eos, beams)
        finished = sorted(finished, key=lambda found: -found[1])[:beams]
        if not still_open or is_over(finished, still_open, beams, max_new, alpha):
            break
    if cut_off:
        finished += [(each.tokens, score(each.total, n, alpha, prompt)) for each in still_open]
    return sorted(finished, key=lambda found: -found[1])[:beams]


@instead_of("beam_search")
def starts_with_copies(model, prompt, beams, max_new, eos, alpha=1.0):
    """All rows start as the prompt with the sum 0, so each of the best extensions is there `beams` times, and the beam is
    full of copies: greedy search at the price of many. Start with one row, or with sums of -inf for the others."""
    return search(model, prompt, beams, max_new, eos, alpha, starts=beams)


@instead_of("beam_search")
def ranks_each_hypothesis_alone(model, prompt, beams, max_new, eos, alpha=1.0):
    """With a top-1 in each row, every hypothesis goes on by its own best token and none is ever replaced, so after the
    first step these are greedy searches side by side. The extensions of all hypotheses compete."""

    def best_of_each(ranked, eos, beams):
        parents = sorted({each.parent for each in ranked})
        if parents == [0]:
            return others(ranked, eos, beams)
        of_each = [next((e for e in ranked if e.parent == parent and e.tokens[-1] != eos), None) for parent in parents]
        return [each for each in sorted(filter(None, of_each), key=by_rank)][:beams]

    return search(model, prompt, beams, max_new, eos, alpha, goes_on=best_of_each)


@instead_of("beam_search")
def forgets_to_reorder(model, prompt, beams, max_new, eos, alpha=1.0):
    """New tokens are appended to the rows where they happen to lie, while their sums belong to other parents: histories and
    scores come apart. Whatever belongs to a hypothesis, its tokens and its cache, has to be taken from the parent's row."""

    def appended(ranked, eos, beams):
        """Each new token behind the history that was in its row before."""
        chosen = others(ranked, eos, beams)
        histories = {each.parent: each.tokens[:-1] for each in ranked}
        rows = [histories.get(row, each.tokens[:-1]) for row, each in enumerate(chosen)]
        return [Extension([*row, each.tokens[-1]], each.total, each.parent) for row, each in zip(rows, chosen, strict=True)]

    return search(model, prompt, beams, max_new, eos, alpha, goes_on=appended)


@instead_of("beam_search")
def lets_the_finished_take_a_place(model, prompt, beams, max_new, eos, alpha=1.0):
    """The `beams` best extensions are taken, and those that have ended are removed, so after each end the next step starts
    from fewer open hypotheses, and what ranked just behind is lost. The textbook's variant goes further and keeps the beam
    narrow for good; here the places are filled again."""

    def what_is_left(ranked, eos, beams):
        return others(ranked[:beams], eos, beams)

    return search(model, prompt, beams, max_new, eos, alpha, goes_on=what_is_left)


@instead_of("beam_search")
def finishes_every_end(model, prompt, beams, max_new, eos, alpha=1.0):
    """Every hypothesis has an extension by eos at every step, and all of them are kept as finished, however improbable.
    Short texts then get into the result that the beam itself had rejected."""

    def all_ends(ranked, eos, beams):
        return [each for each in ranked if each.tokens[-1] == eos]

    return search(model, prompt, beams, max_new, eos, alpha, ends=all_ends)


@instead_of("beam_search")
def goes_on_after_the_end(model, prompt, beams, max_new, eos, alpha=1.0):
    """What has ended is finished and stays open too, so it is extended beyond its eos and found again with a tail of
    nonsense. The model has never seen what comes after an end."""

    def everything(ranked, eos, beams):
        return ranked[:beams]

    return search(model, prompt, beams, max_new, eos, alpha, goes_on=everything)


@instead_of("beam_search")
def stops_at_the_first_end(model, prompt, beams, max_new, eos, alpha=1.0):
    """The search is over when the best hypothesis ends. But with a penalty for length, an open one may still overtake it,
    and the result is to have `beams` hypotheses and not one."""

    def one_is_there(finished, still_open, beams, max_new, alpha):
        return len(finished) > 0 and finished[0][1] >= still_open[0].total / len(still_open[0].tokens) ** alpha

    return search(model, prompt, beams, max_new, eos, alpha, is_over=one_is_there)


@instead_of("beam_search")
def stops_when_enough_have_ended(model, prompt, beams, max_new, eos, alpha=1.0):
    """As soon as `beams` hypotheses are finished, the rest is given up: `early_stopping=True` in Hugging Face. It is quick,
    and the longer ones, whose scores the penalty would still have raised, are never seen."""

    def full(finished, still_open, beams, max_new, alpha):
        return len(finished) == beams

    return search(model, prompt, beams, max_new, eos, alpha, is_over=full)


@instead_of("beam_search")
def compares_with_the_length_so_far(model, prompt, beams, max_new, eos, alpha=1.0):
    """The open sum is divided by its present length, as Hugging Face's `early_stopping=False` does. But its score may still
    rise, as the length grows faster than the sum falls: the bound has to take the longest length."""

    def as_of_now(finished, still_open, beams, max_new, alpha):
        return len(finished) == beams and still_open[0].total / len(still_open[0].tokens) ** alpha <= finished[-1][1]

    return search(model, prompt, beams, max_new, eos, alpha, is_over=as_of_now)


@instead_of("beam_search")
def never_stops_early(model, prompt, beams, max_new, eos, alpha=1.0):
    """The result is right, and every search pays for max_new calls of the model, though most were decided after a few. One
    comparison with the best that could still come saves the rest."""

    def never(*_):
        return False

    return search(model, prompt, beams, max_new, eos, alpha, is_over=never)


@instead_of("beam_search")
def drops_what_is_cut_off(model, prompt, beams, max_new, eos, alpha=1.0):
    """Only what has ended is returned, so where the model would go on for longer than max_new the result is empty, or is a
    bad short hypothesis. What is still open at the limit counts as it is."""
    return search(model, prompt, beams, max_new, eos, alpha, cut_off=False)


@instead_of("beam_search")
def counts_the_prompt(model, prompt, beams, max_new, eos, alpha=1.0):
    """n is taken from the row, which holds the prompt too, so behind a long prompt the penalty hardly tells a short
    continuation from a long one. Only what was generated has a log-probability in the sum, so only that counts."""

    def of_the_row(total, n, alpha, prompt):
        return total / (len(prompt) + n) ** alpha

    def none_can_come(finished, still_open, beams, max_new, alpha):
        return len(finished) == beams and still_open[0].total / (len(prompt) + max_new) ** alpha <= finished[-1][1]

    return search(model, prompt, beams, max_new, eos, alpha, score=of_the_row, is_over=none_can_come)


@instead_of("beam_search")
def leaves_the_end_uncounted(model, prompt, beams, max_new, eos, alpha=1.0):
    """The sum holds the log-probability of eos and n leaves it out, so what has ended is divided by one less than what was
    cut off, and an end at once by 0 or, patched, by 1. What is in the sum is in the count."""

    found = search(model, prompt, beams, max_new, eos, alpha)
    shorter = []
    for tokens, score in found:
        n = len(tokens)
        shorter.append((tokens, score * (n / max(1, n - (tokens[-1] == eos))) ** alpha))
    return sorted(shorter, key=lambda each: -each[1])


@instead_of("beam_search")
def multiplies_by_the_power(model, prompt, beams, max_new, eos, alpha=1.0):
    """Log-probabilities are negative, so multiplying by n**alpha makes long hypotheses worse, which they already are. A
    penalty for being short has to divide."""

    def product(total, n, alpha, prompt):
        return total * n**alpha

    return search(model, prompt, beams, max_new, eos, alpha, score=product, is_over=lambda *_: False)


@instead_of("beam_search")
def penalizes_as_google_does(model, prompt, beams, max_new, eos, alpha=1.0):
    """((5 + n) / 6)^α is the penalty of Google's translation system: gentler, since the first tokens hardly change it. The same
    α means something else there, so scores and best lengths can't be carried over."""

    def of_google(total, n, alpha, prompt):
        return total / ((5 + n) / 6) ** alpha

    def none_can_come(finished, still_open, beams, max_new, alpha):
        return len(finished) == beams and still_open[0].total / ((5 + max_new) / 6) ** alpha <= finished[-1][1]

    return search(model, prompt, beams, max_new, eos, alpha, score=of_google, is_over=none_can_come)


@instead_of("beam_search")
def breaks_ties_upwards(model, prompt, beams, max_new, eos, alpha=1.0):
    """Of equal sums the last is taken, or any: topk promises no order. Two machines, or two releases, then disagree about
    the text, and nobody finds out why. State a rule and use a stable sort."""

    def backwards(extension):
        return -extension.total, -extension.parent, -extension.tokens[-1]

    return search(model, prompt, beams, max_new, eos, alpha, rank=backwards)


@instead_of("beam_search")
def adds_up_in_the_models_dtype(model, prompt, beams, max_new, eos, alpha=1.0):
    """In bfloat16 a sum beyond 16 moves in steps of 1/8, and beyond 256 in steps of 2, so small differences are rounded away
    and hypotheses are equal that are not. The sums are a handful of numbers: keep them in float32 or better."""

    def coarse(model, prompt, hypotheses):
        answers = []
        for each in all_extensions(lambda rows: answers.append(model(rows)) or answers[0], prompt, hypotheses):
            each.total = torch.tensor(each.total, dtype=answers[0].dtype).item()
            yield each

    return search(model, prompt, beams, max_new, eos, alpha, extensions=coarse)


@instead_of("beam_search")
def takes_forbidden_tokens(model, prompt, beams, max_new, eos, alpha=1.0):
    """Where fewer tokens are allowed than there are beams, topk fills up with those at -inf, and texts that were ruled out
    come back with a score of -inf. An extension at -inf is none."""

    def with_forbidden(model, prompt, hypotheses):
        return all_extensions(lambda rows: model(rows).clamp(min=-60_000), prompt, hypotheses)

    found = search(model, prompt, beams, max_new, eos, alpha, extensions=with_forbidden)
    return [(tokens, score if score > -1_000 else -math.inf) for tokens, score in found]


equivalents = [
    Equivalent("beam_search: 2 → 3", "looks at more extensions than are needed"),
    Equivalent("_scored: True → False", "there is one sum for each row of tokens"),
]
