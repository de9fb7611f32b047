import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, sampled_from

from exercises.sampling.sampling import distribution, sample
from grader.kit import agrees, quarters, refuses, seeds, tensors

forbids = []

few = settings(max_examples=8)
temperatures = sampled_from([0.25, 0.5, 1.0, 2.0])
nan = float("nan")
impossible = sampled_from([{"temperature": t} for t in (-1.0, math.inf, nan)] + [{"top_k": k} for k in (0, -1)]
                          + [{"top_p": p} for p in (0.0, -0.5, 1.5, nan)])  # fmt: skip

# How far chance may go. The share of ROWS draws that are one token is off by more than 0.06 with a probability of at most
# 2 exp(-2 * 4_000 * 0.06 ** 2) = 7e-13 (Hoeffding).
ROWS = 4_000


@composite
def rows_and_counts(draw):
    """Logits of one row, all different, and how many of them should be kept."""
    seed, vocabulary = draw(seeds), draw(integers(2, 6))
    logits = torch.randperm(vocabulary, generator=torch.Generator().manual_seed(seed)) / 2 - 1
    return logits, draw(integers(1, vocabulary))


def by_definition(logits, temperature=1.0, keep=None):
    """Exponentials of the tempered logits, of the `keep` best alone, over their sum; in float64."""
    ranking = sorted(range(len(logits)), key=lambda token: (-logits[token].item(), token))
    weights = (logits.double() / temperature).exp()
    for token in ranking[keep:] if keep else []:
        weights[token] = 0
    return (weights / weights.sum()).float()


def reached_by(probabilities, count):
    """A top_p that the count-th most probable token crosses by a tenth of itself: far from where rounding decides."""
    ranked = sorted(probabilities.tolist(), reverse=True)
    return sum(ranked[:count]) - ranked[count - 1] / 10


@given(tensors("vocabulary"), temperatures)
def test_temperature_divides_the_logits(logits, temperature):
    """Without filters, the distribution is the softmax of the logits over the temperature."""
    agrees(distribution(logits, temperature), by_definition(logits, temperature))


@few
@given(tensors("vocabulary"))
def test_a_temperature_of_zero_is_greedy(logits):
    """At temperature 0 the largest logit has all of the probability, and of equal ones the first."""
    for row in (logits, logits.repeat(2)):
        agrees(distribution(row, 0.0), by_definition(row, keep=1))


@few
@given(rows_and_counts())
def test_a_low_temperature_does_not_overflow(row):
    """However low the temperature, the largest of different logits gets everything, and nothing is NaN."""
    for temperature in (0.001, 1e-20, 1e-37):
        agrees(distribution(row[0] + 100, temperature), by_definition(row[0], keep=1))


@few
@given(tensors("vocabulary"), sampled_from([-1000.0, 100.0, 1000.0]))
def test_a_number_added_to_all_logits_changes_nothing(logits, shift):
    """Only differences between logits count, even where their exponentials are beyond the dtype."""
    agrees(distribution(logits + shift), by_definition(logits))


@few
@given(rows_and_counts(), temperatures)
def test_top_k_keeps_the_k_most_probable(row, temperature):
    """The k most probable tokens keep their proportions, and the others have nothing."""
    logits, k = row
    agrees(distribution(logits, temperature, top_k=k), by_definition(logits, temperature, k))


@few
@given(integers(1, 20), integers(1, 20))
def test_of_equal_logits_the_first_are_kept(vocabulary, k):
    """Where all logits are equal, top_k keeps exactly k: those with the lowest indices."""
    agrees(distribution(torch.zeros(vocabulary), top_k=k), by_definition(torch.zeros(vocabulary), keep=k))


@few
@given(integers(2, 20))
def test_of_equal_logits_the_first_reach_top_p(vocabulary):
    """Where all logits are equal, top_p keeps those with the lowest indices."""
    logits, count = torch.zeros(vocabulary), vocabulary // 2
    agrees(distribution(logits, top_p=(count - 0.5) / vocabulary), by_definition(logits, keep=count))


@few
@given(tensors("vocabulary"), integers(0, 3))
def test_a_top_k_beyond_the_vocabulary_keeps_all(logits, more):
    """With as many tokens as there are, or more, top_k cuts off nothing."""
    agrees(distribution(logits, top_k=len(logits) + more), by_definition(logits))


@given(rows_and_counts())
def test_top_p_keeps_the_smallest_set_that_reaches_it(row):
    """The most probable tokens stay until they hold top_p together, the one that crosses the line included."""
    logits, count = row
    agrees(distribution(logits, top_p=reached_by(by_definition(logits), count)), by_definition(logits, keep=count))


@few
@given(rows_and_counts(), sampled_from([1e-9, 0.01]))
def test_the_most_probable_token_always_stays(row, top_p):
    """A top_p that the first token alone exceeds leaves that token."""
    agrees(distribution(row[0], top_p=top_p), by_definition(row[0], keep=1))


@few
@given(integers(1_000, 3_000))
def test_a_top_p_of_one_keeps_the_whole_tail(vocabulary):
    """With top_p = 1 no token is lost, however little it adds to the sum, whether top_k is given or not."""
    for k in (None, vocabulary):
        assert (distribution(torch.linspace(0, -60, vocabulary), top_k=k, top_p=1.0) > 0).all()


@few
@given(rows_and_counts(), sampled_from([0.5, 2.0]))
def test_top_p_is_measured_after_the_temperature(row, temperature):
    """The probabilities that top_p adds up are those of the tempered logits."""
    logits, count = row
    top_p = reached_by(by_definition(logits, temperature), count)
    agrees(distribution(logits, temperature, top_p=top_p), by_definition(logits, temperature, count))


@few
@given(rows_and_counts(), integers(0, 2))
def test_top_p_is_measured_within_what_top_k_left(row, fewer):
    """Given together, top_p adds up the renormalised probabilities of the k tokens that are left."""
    logits, k = row[0], max(1, len(row[0]) - fewer)
    for count in range(1, k + 1):
        top_p = reached_by(by_definition(logits, keep=k), count)
        agrees(distribution(logits, top_k=k, top_p=top_p), by_definition(logits, keep=count))


@few
@given(rows_and_counts(), integers(1, 9), sampled_from([0.5, 1.0]))
def test_a_banned_token_stays_banned(row, k, temperature):
    """A logit of -inf has probability 0, under top_k too, even where k asks for more tokens than are left."""
    logits = torch.cat([torch.full((1,), -math.inf), row[0]])
    agrees(distribution(logits, temperature, top_k=k)[1:], by_definition(row[0], temperature, min(k, len(row[0]))))
    assert distribution(logits, temperature, top_k=k)[0] == distribution(logits, temperature)[0] == 0


@few
@given(tensors("a b vocabulary", longest=4), integers(1, 3), sampled_from([0.4, 0.8, 1.0]))
def test_rows_are_strangers(logits, k, top_p):
    """Each row of any number of leading axes, in any memory layout, gets what it would get alone."""
    logits = logits.transpose(0, 1)
    rows = [[distribution(row.clone(), 0.5, k, top_p) for row in rows] for rows in logits]
    agrees(distribution(logits, 0.5, k, top_p), torch.stack([torch.stack(row) for row in rows]))
    agrees(distribution(logits[:0], 0.5, k, top_p), logits[:0])


@few
@given(integers(2_000, 3_000), sampled_from([torch.float16, torch.bfloat16]))
def test_half_precision_is_added_up_in_float32(vocabulary, dtype):
    """Of thousands of equal logits in float16 or bfloat16, top_p = 0.5 keeps half, in float32."""
    kept = distribution(torch.zeros(vocabulary, dtype=dtype), top_p=0.5)
    agrees((kept > 0).float().mean(), torch.tensor(0.5), atol=0.01)
    agrees(kept.sum(), torch.tensor(1.0))


@few
@given(tensors("vocabulary"))
def test_double_precision_stays(logits):
    """float64 goes in and comes out, and nothing in between is coarser."""
    logits = logits.double() / 3
    agrees(distribution(logits, top_k=len(logits)), logits.softmax(-1), atol=1e-12, rtol=1e-12)


@few
@given(tensors("n vocabulary"), sampled_from([0.0, 0.5, 1.0]))
def test_the_logits_survive(logits, temperature):
    """The caller's logits are not modified, by either function."""
    before = logits.clone()
    distribution(logits, temperature, 2, 0.5), sample(logits, temperature, 2, 0.5)
    agrees(logits, before)


@few
@given(impossible)
def test_impossible_settings_are_refused(setting):
    """A temperature, top_k or top_p outside its range raises ValueError, in both functions."""
    assert refuses(ValueError, distribution, torch.zeros(3), **setting)
    assert refuses(ValueError, sample, torch.zeros(3), **setting)


@settings(max_examples=5)
@given(rows_and_counts(), temperatures)
def test_tokens_come_as_often_as_the_distribution_says(row, temperature):
    """Over many rows, every token's share of the draws is its probability, and a token that was cut off never comes."""
    logits, k = row
    tokens = sample(logits.expand(ROWS, -1), temperature, top_k=k)
    shares = (tokens[:, None] == torch.arange(len(logits))).float().mean(0)
    agrees(shares, by_definition(logits, temperature, k), atol=0.06, rtol=0)
    assert (shares[by_definition(logits, temperature, k) == 0] == 0).all()


@settings(max_examples=3)
@given(rows_and_counts())
def test_by_default_nothing_is_changed(row):
    """Without settings, tokens come as often as the softmax of the logits says."""
    tokens = sample(row[0].expand(ROWS, -1))
    shares = (tokens[:, None] == torch.arange(len(row[0]))).float().mean(0)
    agrees(shares, by_definition(row[0]), atol=0.06, rtol=0)


@settings(max_examples=5)
@given(integers(2, 6))
def test_every_row_draws_for_itself(vocabulary):
    """Of many rows with equal logits, not all get the same token."""
    assert len(sample(torch.zeros(100, vocabulary)).unique()) > 1


@settings(max_examples=5)
@given(integers(2, 6))
def test_every_call_draws_anew(vocabulary):
    """Of many calls with the same logits, not all give the same token."""
    assert len({sample(torch.zeros(vocabulary)).item() for _ in range(50)}) > 1


@settings(max_examples=5)
@given(seeds)
def test_the_generator_decides(seed):
    """A generator in the same state gives the same tokens, whatever the global one does, and leaves that one alone."""
    before = torch.get_rng_state()
    first = sample(torch.zeros(100, 5), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    agrees(sample(torch.zeros(100, 5), generator=torch.Generator().manual_seed(seed)), first)


@settings(max_examples=5)
@given(seeds)
def test_the_global_seed_decides_otherwise(seed):
    """Without a generator, the same tokens come after the same torch.manual_seed."""
    first, second = (sample(torch.zeros(100, 5)) for _ in range(2) if torch.manual_seed(seed))
    agrees(first, second)


@few
@given(seeds, sampled_from([(), (1,), (3,), (2, 3), (0,), (2, 0)]))
def test_one_int64_token_for_every_row(seed, leading):
    """The tokens have the shape of the leading axes, be there none of them or no rows, and at temperature 0 are the best."""
    logits = quarters(seed, *leading, 5)
    best = torch.tensor([row.index(max(row)) for row in logits.reshape(-1, 5).tolist()], dtype=torch.int64)
    agrees(sample(logits, 0.0), best.reshape(leading))
    assert sample(logits).dtype == torch.int64
