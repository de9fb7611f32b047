import math

import torch

from grader.kit import Equivalent, instead_of


def check(temperature, top_k, top_p):
    if not 0 <= temperature < math.inf or (top_k is not None and top_k < 1) or not 0 < top_p <= 1:
        raise ValueError


def tempered(logits, temperature):
    """Logits in float32 or better, divided by the temperature; at 0 all but the first of the largest are -inf."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if temperature == 0:
        best = torch.arange(logits.shape[-1]) == logits.argmax(-1, keepdim=True)
        return logits.masked_fill(~best, -math.inf)
    return (logits - logits.amax(-1, keepdim=True)) / temperature


def ranked(logits):
    return logits.sort(dim=-1, descending=True, stable=True)


def among_the_best(logits, k):
    """True for the k best of each row."""
    if k is None:
        return torch.ones(logits.shape, dtype=torch.bool)
    rank = ranked(logits)[1].argsort(-1)
    return rank < k


def in_the_nucleus(probabilities, top_p):
    """True for the smallest set of the most probable that reaches top_p."""
    ordered, order = ranked(probabilities)
    kept = (ordered.cumsum(-1) - ordered < top_p) | (top_p == 1)
    return torch.zeros_like(kept).scatter(-1, order, kept)


def renormalised(probabilities):
    return probabilities / probabilities.sum(-1, keepdim=True)


def filtered(logits, top_k, top_p):
    """The distribution that top-k and top-p leave of logits that are tempered already."""
    probabilities = logits.masked_fill(~among_the_best(logits, top_k), -math.inf).softmax(-1)
    return renormalised(probabilities * in_the_nucleus(probabilities, top_p))


def drawn(probabilities, generator):
    rows = probabilities.reshape(-1, probabilities.shape[-1])
    return torch.multinomial(rows, 1, generator=generator).reshape(probabilities.shape[:-1])


@instead_of("distribution")
def multiplies_by_the_temperature(logits, temperature=1.0, top_k=None, top_p=1.0):
    """A high temperature should melt differences, so it divides the logits; multiplying turns the knob the wrong way round.
    At 1.0, where most code is tried, the two are the same."""
    check(temperature, top_k, top_p)
    return filtered(tempered(logits, 1 / temperature if temperature else 0.0), top_k, top_p)


@instead_of("distribution")
def divides_by_a_temperature_of_zero(logits, temperature=1.0, top_k=None, top_p=1.0):
    """At temperature 0 the largest logit becomes 0 / 0, so the row is NaN, and multinomial raises or draws nonsense. Zero is
    what users write for 'greedy': it needs a branch of its own."""
    check(temperature, top_k, top_p)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return filtered((logits - logits.amax(-1, keepdim=True)) / torch.tensor(temperature), top_k, top_p)


@instead_of("distribution")
def overflows_at_a_low_temperature(logits, temperature=1.0, top_k=None, top_p=1.0):
    """Divided as they stand, large logits become inf, and the softmax's inf - inf is NaN. Only differences count, so subtract
    the row's maximum before the division: then nothing is above zero, and what overflows is -inf, a harmless zero."""
    check(temperature, top_k, top_p)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return filtered(logits / temperature if temperature else tempered(logits, 0.0), top_k, top_p)


@instead_of("distribution")
def exponentiates_as_it_stands(logits, temperature=1.0, top_k=None, top_p=1.0):
    """exp overflows in float32 from 89 on, and vanishes below -103, so a row that lies far from zero is inf / inf or 0 / 0.
    Subtract the row's maximum first; the ratio stays the same."""
    check(temperature, top_k, top_p)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    scaled = tempered(logits, temperature) if temperature < 0.1 else logits / temperature
    kept = scaled.masked_fill(~among_the_best(scaled, top_k), -math.inf)
    probabilities = renormalised(kept.exp())
    return renormalised(probabilities * in_the_nucleus(probabilities, top_p))


@instead_of("distribution")
def drops_the_token_that_crosses(logits, temperature=1.0, top_k=None, top_p=1.0):
    """Keeping while `cumsum <= top_p` stops one token early: the set then holds less than top_p, and nothing at all where the
    first token alone exceeds it. A token stays if those above it have not reached top_p yet."""
    check(temperature, top_k, top_p)
    logits = tempered(logits, temperature)
    probabilities = logits.masked_fill(~among_the_best(logits, top_k), -math.inf).softmax(-1)
    ordered, order = ranked(probabilities)
    kept = (ordered.cumsum(-1) <= top_p) | (top_p == 1)
    kept[..., 0] |= ~kept.any(-1)  # the usual patch, so that something is left
    return renormalised(probabilities * torch.zeros_like(kept).scatter(-1, order, kept))


@instead_of("distribution")
def keeps_every_tie(logits, temperature=1.0, top_k=None, top_p=1.0):
    """Cutting whatever is below the k-th logit keeps all that equal it, so more than k tokens may stay; at temperature 0, as
    top-1, the choice between equals is left to chance. Libraries do this; here k means k, and lower indices win."""
    check(temperature, top_k, top_p)
    logits, top_k = (tempered(logits, temperature), top_k) if temperature else (tempered(logits, 1.0), 1)
    if top_k is not None:
        smallest = logits.topk(min(top_k, logits.shape[-1]), -1).values[..., -1:]
        logits = logits.masked_fill(logits < smallest, -math.inf)
    return filtered(logits, None, top_p)


@instead_of("distribution")
def tempers_after_the_filters(logits, temperature=1.0, top_k=None, top_p=1.0):
    """Here top-p is measured at temperature 1 and the temperature reshapes what is left, the default order of llama.cpp. It
    is a fair choice, which keeps a hot sampler from letting the tail in, but another distribution: say which one you mean."""
    check(temperature, top_k, top_p)
    kept = filtered(tempered(logits, 1.0), top_k, top_p) > 0
    return tempered(logits, temperature).masked_fill(~kept, -math.inf).softmax(-1)


@instead_of("distribution")
def measures_top_p_before_top_k(logits, temperature=1.0, top_k=None, top_p=1.0):
    """Both filters look at the full distribution and the stricter one wins. But after top-k the survivors hold everything, so
    their sum reaches top_p sooner: the second filter must see what the first has left, renormalised."""
    check(temperature, top_k, top_p)
    logits = tempered(logits, temperature)
    kept = among_the_best(logits, top_k) & in_the_nucleus(logits.softmax(-1), top_p)
    return logits.masked_fill(~kept, -math.inf).softmax(-1)


@instead_of("distribution")
def leaves_the_rest_unnormalised(logits, temperature=1.0, top_k=None, top_p=1.0):
    """The cut tokens are zero, and the others still have their old probabilities, which no longer sum to one. multinomial
    forgives it; log-probabilities, speculative decoding and importance weights do not."""
    check(temperature, top_k, top_p)
    logits = tempered(logits, temperature)
    probabilities = logits.softmax(-1)
    kept = among_the_best(logits, top_k)
    return probabilities * kept * in_the_nucleus(renormalised(probabilities * kept), top_p)


@instead_of("distribution")
def forgets_to_unsort(logits, temperature=1.0, top_k=None, top_p=1.0):
    """The filters work on the sorted row, and the sorted row is returned: position 0 is the most probable token, not token 0.
    The text turns to noise while every statistic of the distribution looks right. Scatter back through the indices."""
    check(temperature, top_k, top_p)
    return filtered(ranked(tempered(logits, temperature))[0], top_k, top_p)


@instead_of("distribution")
def loses_the_tail_at_one(logits, temperature=1.0, top_k=None, top_p=1.0):
    """In float32 the running sum is 1.0 long before the last of many tokens, so comparing it with top_p = 1 cuts off a tail
    that should be kept. 1 means that the filter is off: do not compare at all."""
    check(temperature, top_k, top_p)
    logits = tempered(logits, temperature)
    probabilities = logits.masked_fill(~among_the_best(logits, top_k), -math.inf).softmax(-1)
    ordered, order = ranked(probabilities)
    kept = torch.zeros(ordered.shape, dtype=torch.bool).scatter(-1, order, ordered.cumsum(-1) - ordered < top_p)
    return renormalised(probabilities * kept)


@instead_of("distribution")
def adds_up_in_the_dtype_of_the_logits(logits, temperature=1.0, top_k=None, top_p=1.0):
    """A bfloat16 sum has eight bits: once it is 256 times a token's probability, adding that token changes nothing, so over a
    large vocabulary it never reaches top_p. Go to float32 before the softmax, and stay there."""
    check(temperature, top_k, top_p)
    return filtered(tempered(logits, temperature).to(logits.dtype), top_k, top_p)


@instead_of("distribution")
def writes_into_the_logits(logits, temperature=1.0, top_k=None, top_p=1.0):
    """`logits[...] = -inf` saves a copy and destroys the caller's tensor: the second sample of the same step, or the
    log-probability that is to be reported, then comes from what the filter left."""
    check(temperature, top_k, top_p)
    kept = among_the_best(tempered(logits, temperature), top_k)
    logits[~kept] = -math.inf
    return filtered(tempered(logits, temperature), None, top_p)


@instead_of("distribution")
def fills_with_zero(logits, temperature=1.0, top_k=None, top_p=1.0):
    """A logit of 0 is not a probability of 0: exp(0) is 1, so the tokens that were cut off come back, often ahead of those
    that were kept. In logits, 'never' is -inf."""
    check(temperature, top_k, top_p)
    logits = tempered(logits, temperature)
    probabilities = logits.masked_fill(~among_the_best(logits, top_k), 0.0).softmax(-1)
    return renormalised(probabilities * in_the_nucleus(probabilities, top_p))


@instead_of("distribution")
def compares_single_probabilities(logits, temperature=1.0, top_k=None, top_p=1.0):
    """This keeps each token that has top_p times the probability of the best one, which is min-p, another sampler. Top-p
    speaks of the sum: how many tokens it takes to hold top_p together."""
    check(temperature, top_k, top_p)
    probabilities = filtered(tempered(logits, temperature), top_k, 1.0)
    likely = probabilities >= top_p * probabilities.amax(-1, keepdim=True)
    return renormalised(probabilities * likely) if top_p < 1 else probabilities


@instead_of("sample")
def draws_once_for_all_rows(logits, temperature=1.0, top_k=None, top_p=1.0, generator=None):
    """One uniform number, compared with the running sums of every row, makes the rows of a batch move together: several
    samples of one prompt are then several copies. Each row needs a number of its own."""
    check(temperature, top_k, top_p)
    sums = filtered(tempered(logits, temperature), top_k, top_p).cumsum(-1)
    return (sums / sums[..., -1:] <= torch.rand(1, generator=generator)).sum(-1).clamp(max=logits.shape[-1] - 1)


@instead_of("sample")
def ignores_the_generator(logits, temperature=1.0, top_k=None, top_p=1.0, generator=None):
    """The generator is taken and never handed on, so a request's seed means nothing, and whoever else draws from the global
    generator changes its tokens."""
    check(temperature, top_k, top_p)
    return drawn(filtered(tempered(logits, temperature), top_k, top_p), None)


@instead_of("sample")
def takes_the_most_probable(logits, temperature=1.0, top_k=None, top_p=1.0, generator=None):
    """argmax of the filtered distribution is greedy decoding, whatever the knobs say: none of them moves the maximum. To
    sample is to draw."""
    check(temperature, top_k, top_p)
    return filtered(tempered(logits, temperature), top_k, top_p).argmax(-1)


equivalents = [
    Equivalent("distribution: 1 → 2 (3)", "without a filter it only sorts for nothing: the shortcut is for speed"),
    Equivalent("distribution: above >= top_p → above > top_p", "differs where a sum is top_p exactly: rounding decides there"),
]
