import math
from itertools import product

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from

from exercises.beam_search.beam_search import beam_search
from grader.kit import agrees, normal, quarters, refuses, seeds

forbids = []

few = settings(max_examples=8)
some = settings(max_examples=15)
alphas = sampled_from([0.0, 0.5, 1.0, 2.0])
whole_alphas = sampled_from([0.0, 1.0, 2.0])  # of which every power here is exact
widths = integers(1, 4)
START = torch.tensor([1, 0])
EOS = 0
NEVER = -math.inf
ROWS = 13 * 8


def from_table(table):
    """A model whose next token depends on all tokens so far: they choose the row of the table, in a part for each length.

    So no two texts have the same log-probabilities in another order, whose sums only rounding would tell apart.
    """
    place = lambda length: torch.arange(1, length + 1)
    return lambda tokens: table[(tokens * place(tokens.shape[1])).sum(1) % 13 + 13 * (tokens.shape[1] % 8)]


def random_model(seed, vocabulary, end=0.0):
    """The larger `end` is, the likelier every text ends at the next step."""
    logits = 2 * normal(seed, ROWS, vocabulary)
    logits[:, EOS] += end
    return from_table(logits.log_softmax(-1))


def model_with_ties(seed, vocabulary):
    return from_table(-quarters(seed, ROWS, vocabulary).abs())


def by_steps(*steps):
    """A model that knows the place alone: `steps[n]` are the log-probabilities of the token n after the prompt."""
    return lambda tokens: torch.tensor(steps[tokens.shape[1] - len(START)]).expand(len(tokens), -1)


def extended(model, prompt, hypotheses):
    """All extensions of all hypotheses, in the order in which ties are decided."""
    for tokens, total in hypotheses:
        row = model(torch.tensor([[*prompt.tolist(), *tokens]]))[0].tolist()
        yield from (([*tokens, token], total + number) for token, number in enumerate(row) if number > NEVER)


def by_definition(model, prompt, beams, max_new, eos, alpha):
    """The rules of the brief, one hypothesis at a time, and always to the end."""
    still_open, finished = [([], 0.0)], []
    for n in range(1, max_new + 1):
        ranked = sorted(extended(model, prompt, still_open), key=lambda found: -found[1])
        finished += [(tokens, total / n**alpha) for tokens, total in ranked[:beams] if tokens[-1] == eos]
        still_open = [(tokens, total) for tokens, total in ranked if tokens[-1] != eos][:beams]
    finished += [(tokens, total / max_new**alpha) for tokens, total in still_open]
    return sorted(finished, key=lambda found: -found[1])[:beams]


def same(got, expected):
    """The same tokens in the same order, and scores up to the rounding of float32."""
    agrees([tokens for tokens, _ in got], [tokens for tokens, _ in expected])
    for (_, score), (_, right) in zip(got, expected, strict=True):
        agrees(score, right, atol=1e-5, rtol=1e-5)


def calls_of(model, **settings):
    """The shapes of all calls of a search."""
    shapes = []
    watched = lambda tokens: (shapes.append(list(tokens.shape)), model(tokens))[1]
    beam_search(watched, START, eos=EOS, **settings)
    return shapes


@some
@given(seeds, integers(2, 5), integers(2, 4), integers(2, 5), alphas)
def test_it_follows_the_rules(seed, vocabulary, beams, max_new, alpha):
    """The result is what the rules give, applied one hypothesis at a time and to the end."""
    with_early_ends = random_model(seed, vocabulary, end=2.0), START, beams - 1, max_new + 1, EOS, 2.0
    for call in ((random_model(seed, vocabulary), START, beams, max_new, EOS, alpha), with_early_ends):
        same(beam_search(*call), by_definition(*call))


@few
@given(seeds, integers(1, 3), integers(1, 3), alphas)
def test_a_beam_that_is_wide_enough_finds_everything(seed, vocabulary, max_new, alpha):
    """With a place for every sequence there is, all of them are found, in the order of their scores."""
    model, found = random_model(seed, vocabulary), []
    for length in range(1, max_new + 1):
        for text in product(range(vocabulary), repeat=length):
            if EOS not in text[:-1] and (text[-1] == EOS or length == max_new):
                rows = [model(torch.tensor([[*START.tolist(), *text[:n]]]))[0, text[n]].item() for n in range(length)]
                found.append((list(text), sum(rows) / length**alpha))
    same(beam_search(model, START, 50, max_new, EOS, alpha), sorted(found, key=lambda each: -each[1]))


@some
@given(seeds, integers(2, 5), integers(1, 6))
def test_one_beam_without_penalty_is_greedy(seed, vocabulary, max_new):
    """With one beam and alpha 0, each token is the most probable one, until it is eos."""
    model, greedy, total = random_model(seed, vocabulary), [], 0.0
    while len(greedy) < max_new and EOS not in greedy:
        row = model(torch.tensor([[*START.tolist(), *greedy]]))[0]
        greedy, total = [*greedy, row.argmax().item()], total + row.max().item()
    same(beam_search(model, START, 1, max_new, EOS, 0.0), [(greedy, total)])


@few
@given(seeds, widths, integers(1, 5))
def test_no_hypothesis_is_found_twice(seed, beams, max_new):
    """All hypotheses of a result are different."""
    found = beam_search(random_model(seed, 4), START, beams, max_new, EOS)
    assert len({tuple(tokens) for tokens, _ in found}) == len(found) == min(beams, len(found))


@few
@given(integers(1, 5), alphas, integers(1, 3))
def test_the_score_is_the_sum_over_a_power_of_the_length(length, alpha, prompt):
    """n tokens with the log-probability -1 each score -n / n**alpha; eos counts, the prompt does not."""
    model = lambda tokens: torch.tensor([[NEVER, -1.0] if tokens.shape[1] < prompt + length - 1 else [-1.0, NEVER]])
    found = beam_search(model, torch.ones(prompt, dtype=torch.int64), 1, 9, EOS, alpha)
    same(found, [([1] * (length - 1) + [EOS], -length / length**alpha)])


@few
@given(integers(2, 6))
def test_alpha_decides_between_short_and_long(length):
    """Of an end at -1 and a longer text at -1.5 in all, alpha 0 prefers the first, and alpha 1, the default, the other."""
    model = by_steps([-1.0, -1.5], *[[NEVER, 0.0]] * (length - 1))
    short, long = ([EOS], -1.0), ([1] * length, -1.5 / length)
    same(beam_search(model, START, 2, length, EOS, 0.0), [short, ([1] * length, -1.5)])
    same(beam_search(model, START, 2, length, EOS), [long, short])


@few
@given(integers(1, 16).map(lambda n: n / 4), integers(1, 16).map(lambda n: n / 4))
def test_histories_follow_their_sums(more, most):
    """A hypothesis that overtakes another takes its tokens along."""
    rows = torch.tensor([[NEVER, -1.0, -1.0 - more], [NEVER, -1.0 - more - most, NEVER], [NEVER, -1.0, NEVER]])
    found = beam_search(lambda tokens: rows[tokens[:, -1]], START, 2, 2, EOS, 0.0)
    same(found, [([2, 1], -2.0 - more), ([1, 1], -2.0 - more - most)])


@few
@given(integers(2, 4))
def test_an_end_costs_the_others_no_place(beams):
    """Beside a hypothesis that has ended, as many stay open as there are beams."""
    numbers = [-0.25, *[-1.0 - token for token in range(beams)], NEVER]
    shapes = calls_of(by_steps(numbers, [-9.0] * (beams + 2)), beams=beams, max_new=2)
    assert shapes == [[1, 2], [beams, 3]]


@few
@given(integers(1, 4))
def test_an_end_that_is_not_among_the_best_is_dropped(beams):
    """An extension by eos that ranks behind `beams` others is not finished, even if everything later is worse."""
    model = by_steps([-1.25, *[-1.0] * beams], [NEVER, *[-5.0] * beams])
    found = beam_search(model, START, beams, 2, EOS, 0.0)
    assert [len(tokens) for tokens, _ in found] == [2] * beams


@few
@given(integers(1, 4))
def test_an_end_among_the_best_is_kept(beams):
    """An extension by eos that ranks last among the `beams` best is finished, whatever becomes of the others."""
    model = by_steps([-1.25, *[-1.0] * (beams - 1), -2.0], [NEVER, *[-5.0] * beams])
    same(beam_search(model, START, beams, 2, EOS, 0.0)[:1], [([EOS], -1.25)])


@some
@given(seeds, integers(2, 4), widths, integers(1, 4))
def test_ties_fall_to_the_higher_rank_and_the_lower_token(seed, vocabulary, beams, max_new):
    """Where sums and scores are equal, the order of the hypotheses decides, then the lower token, then who ended first."""
    call = model_with_ties(seed, vocabulary), START, beams, max_new, vocabulary - 1, 0.0
    same(beam_search(*call), by_definition(*call))


@few
@given(integers(2, 60), widths)
def test_of_equal_tokens_the_lowest_come_first(vocabulary, beams):
    """Where all tokens are equal, the result is the lowest ones in order."""
    model = lambda tokens: torch.full((len(tokens), vocabulary), -1.0)
    expected = [([token], -1.0) for token in range(min(beams, vocabulary))]
    same(beam_search(model, START, beams, 1, vocabulary + 1), expected)


@few
@given(seeds, widths, integers(1, 4))
def test_what_never_ends_is_cut_off(seed, beams, max_new):
    """Where eos is forbidden, all hypotheses have max_new tokens."""
    model = random_model(seed, 4)
    found = beam_search(lambda tokens: model(tokens).index_fill(1, torch.tensor([EOS]), NEVER), START, beams, max_new, EOS)
    assert {len(tokens) for tokens, _ in found} == {max_new}


@few
@given(seeds, integers(1, 5), integers(1, 3))
def test_forbidden_tokens_are_no_extensions(seed, beams, max_new):
    """Tokens with -inf are never taken, even if less than `beams` are left, and none where all are forbidden."""
    table = quarters(seed, ROWS, 4).abs().neg()
    table[quarters(seed + 1, ROWS, 4) > 0] = NEVER
    call = START, beams, max_new, EOS, 0.0
    same(beam_search(from_table(table), *call), by_definition(from_table(table), *call))
    assert beam_search(by_steps([NEVER] * 3, [NEVER] * 3, [NEVER] * 3), *call) == []


@few
@given(seeds, integers(2, 4), widths, integers(1, 4))
def test_the_model_is_called_once_per_step(seed, vocabulary, beams, max_new):
    """The first call has one row, no call has more than `beams`, and each has one token more than the last."""
    shapes = calls_of(random_model(seed, vocabulary), beams=beams, max_new=max_new)
    assert shapes[0] == [1, len(START)]
    assert [length for _, length in shapes] == list(range(len(START), len(START) + len(shapes)))
    assert len(shapes) <= max_new
    assert max(rows for rows, _ in shapes) <= beams


@few
@given(seeds, widths)
def test_every_row_is_a_hypothesis(seed, beams):
    """The rows of a call are the prompt and different continuations that the step before has ranked best."""
    rows, table = [], random_model(seed, 4)
    beam_search(lambda tokens: (rows.append(tokens.tolist()), table(tokens))[1], START, beams, 3, eos=-1)
    ranked = sorted(extended(table, START, [([], 0.0)]), key=lambda found: -found[1])
    assert sorted(rows[1]) == sorted([*START.tolist(), *tokens] for tokens, _ in ranked[:beams])
    assert len({tuple(row) for row in rows[2]}) == len(rows[2]) == beams


@few
@given(integers(2, 6), whole_alphas, sampled_from([0.0, 0.25, 5.0]))
def test_it_stops_when_nothing_can_change(max_new, alpha, less):
    """Once the result is full and no open sum over the longest length is above its last score, there is no further call."""
    model = by_steps([-1.0, -(max_new**alpha) - less], *[[NEVER, 0.0]] * (max_new - 1))
    assert len(calls_of(model, beams=1, max_new=max_new, alpha=alpha)) == 1
    same(beam_search(model, START, 1, max_new, EOS, alpha), [([EOS], -1.0)])


@few
@given(integers(2, 6), whole_alphas)
def test_it_goes_on_while_something_can_change(max_new, alpha):
    """While an open sum over the longest length is above the last score of the result, the search goes on."""
    model = by_steps([-1.0, -(max_new**alpha) + 0.25], *[[NEVER, 0.0]] * (max_new - 1))
    same(beam_search(model, START, 1, max_new, EOS, alpha), [([1] * max_new, -1.0 + 0.25 / max_new**alpha)])


@few
@given(integers(8, 16).map(lambda n: n / 4))
def test_a_full_result_may_still_get_better(bad):
    """A hypothesis that ends later, with a better score than the last one of a full result, takes its place."""
    model = by_steps([-bad, -0.5, -9.0], [-0.25, -0.5, -20.0], [-0.25, NEVER, NEVER])
    same(beam_search(model, START, 2, 3, EOS, 1.0), [([1, EOS], -0.75 / 2), ([1, 1, EOS], -1.25 / 3)])


@few
@given(integers(2, 6), integers(2, 6))
def test_it_goes_on_until_the_result_is_full(beams, more):
    """While fewer than `beams` hypotheses are finished, the search goes on, however bad what is open, and then it stops."""
    model = by_steps(*[[-0.25, -10.0]] * (beams + more))
    expected = [([1] * n + [EOS], -10.0 * n - 0.25) for n in range(beams)]
    same(beam_search(model, START, beams, beams + more, EOS, 0.0), expected)
    assert len(calls_of(model, beams=beams, max_new=beams + more, alpha=0.0)) == beams


@few
@given(integers(20, 60), sampled_from([torch.bfloat16, torch.float16, torch.float64]))
def test_sums_are_at_least_float32(length, dtype):
    """Many log-probabilities of a coarse dtype are added up without rounding to it."""
    model = lambda tokens: torch.tensor([[NEVER, -8.125]], dtype=dtype)
    same(beam_search(model, START, 1, length, EOS, 0.0), [([1] * length, -8.125 * length)])


@few
@given(seeds, integers(1, 3))
def test_the_prompt_survives_and_matters(seed, more):
    """The prompt is not modified, is no part of the result, and the model sees all of it."""
    prompt = torch.arange(more + 1)
    call = random_model(seed, 4), prompt, 2, 3, 9, 1.0  # a token that is never written: this is not about ends
    same(beam_search(*call), by_definition(*call))
    agrees(prompt, torch.arange(more + 1))


@few
@given(sampled_from([{"beams": 0}, {"beams": -1}, {"max_new": 0}, {"alpha": -0.5}, {"alpha": math.nan}]))
def test_impossible_settings_are_refused(setting):
    """beams and max_new below 1, and an alpha that is negative or NaN, raise ValueError."""
    arguments = {"model": random_model(0, 3), "prompt": START, "beams": 2, "max_new": 3, "eos": EOS} | setting
    assert refuses(ValueError, beam_search, **arguments)
