import math
from collections import Counter

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, floats, integers, sampled_from

from exercises.ngram_lm.ngram_lm import NGrams, perplexity
from grader.kit import agrees, refuses, seeds

forbids = []

VOCAB = 5
few, some = settings(max_examples=8), settings(max_examples=15)
orders = integers(1, 4)


def ids(*numbers):
    return torch.tensor(numbers, dtype=torch.int64)


@composite
def texts(draw, kinds=4):
    """Some texts, empty ones among them, of the ids 0 to kinds - 1: the last id of the vocabulary does not occur."""
    generator = torch.Generator().manual_seed(draw(seeds))
    lengths = torch.randint(8, (draw(integers(0, 5)),), generator=generator).tolist()
    return [torch.randint(kinds, (length,), generator=generator) for length in lengths]


@composite
def contexts(draw):
    """Up to five ids, the last one of the vocabulary among them."""
    return torch.randint(VOCAB, (draw(integers(0, 5)),), generator=torch.Generator().manual_seed(draw(seeds)))


@composite
def models(draw):
    """Texts, the order of a model of them, and a context, which is often one that occurs."""
    known, order, context = draw(texts()), draw(orders), draw(contexts())
    seen = [text[:place] for text in known for place in range(len(text))]
    return known, order, seen[draw(seeds) % len(seen)] if seen and draw(integers(0, 2)) else context


def and_edges(model):
    """With it, the beginning of a text and a unigram model: where marks count, and where no context does."""
    known, order, context = model
    return model, (known, order, ids()), (known, 1, context)


def padded(text, order):
    return (-1,) * (order - 1) + tuple(text.tolist())


def grams(texts, order, length):
    """Every run of `length` tokens or marks that ends in a token, as often as it occurs."""
    for text in texts:
        tokens = padded(text, order)
        yield from (tokens[end - length : end] for end in range(order, len(tokens) + 1))


def shares_after(texts, order, history):
    """The shares of what follows a history, by counting all runs of its length; None where it never occurred."""
    follows = [gram[-1] for gram in grams(texts, order, len(history) + 1) if gram[:-1] == history]
    counts = torch.tensor([follows.count(token) for token in range(VOCAB)], dtype=torch.float64)
    return counts / len(follows) if follows else None


def history_of(context, order):
    return padded(context, order)[len(context) :]


def kneser_ney(texts, order, history, discount):
    """The formula, read aloud."""
    if len(history) == order - 1:
        counts = Counter(gram for gram in grams(texts, order, order))
    else:
        counts = Counter(gram[1:] for gram in set(grams(texts, order, len(history) + 2)))
    shorter = kneser_ney(texts, order, history[1:], discount) if history else [1 / VOCAB] * VOCAB
    c = [counts[(*history, token)] for token in range(VOCAB)]
    if sum(c) == 0:
        return shorter
    left = discount * sum(count > 0 for count in c) / sum(c)
    return [max(c[w] - discount, 0) / sum(c) + left * shorter[w] for w in range(VOCAB)]


def alone(order, place):
    """All weight on one of the distributions of `interpolated`."""
    return [float(i == place) for i in range(order + 1)]


def is_distribution(p):
    agrees(p.sum(), torch.tensor(1.0, dtype=torch.float64))
    assert p.shape == (VOCAB,)
    assert (p >= 0).all()


@few
@given(models(), floats(0.01, 5))
def test_add_k_gives_a_distribution(model, k):
    """Whatever the context, the probabilities of add_k are float64, not negative, and sum to one."""
    known, order, context = model
    is_distribution(NGrams(known, order, VOCAB).add_k(context, k))


@few
@given(models(), seeds)
def test_interpolation_gives_a_distribution(model, seed):
    """Whatever the context and the weights, the interpolated probabilities sum to one."""
    known, order, context = model
    weights = torch.rand(order + 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    is_distribution(NGrams(known, order, VOCAB).interpolated(context, (weights / weights.sum()).tolist()))


@some
@given(models(), floats(0, 1))
def test_kneser_ney_gives_a_distribution(model, discount):
    """Whatever the context and the discount, the probabilities of Kneser-Ney sum to one."""
    known, order, context = model
    is_distribution(NGrams(known, order, VOCAB).kneser_ney(context, discount))


@some
@given(models(), floats(0.01, 5))
def test_add_k_adds_k_to_every_count(model, k):
    """The probability of a token is (count + k) / (all counts + k * vocab), counted after the whole history."""
    for known, order, context in and_edges(model):
        follows = [gram[-1] for gram in grams(known, order, order) if gram[:-1] == history_of(context, order)]
        expected = [(follows.count(token) + k) / (len(follows) + k * VOCAB) for token in range(VOCAB)]
        agrees(NGrams(known, order, VOCAB).add_k(context, k), torch.tensor(expected, dtype=torch.float64))


@few
@given(texts(), integers(2, 4), floats(0.01, 5))
def test_add_k_knows_nothing_after_a_new_history(known, order, k):
    """After a history that never occurred, add_k says the same of every token."""
    p = NGrams(known, order, VOCAB).add_k(ids(0, VOCAB - 1), k)
    agrees(p, torch.full((VOCAB,), 1 / VOCAB, dtype=torch.float64))


@some
@given(models())
def test_a_weight_of_one_gives_the_shares_of_its_order(model):
    """With all weight on j tokens of history, the probabilities are the shares of what followed them."""
    known, order, context = model
    history = history_of(context, order)
    for length in range(order):
        shares = shares_after(known, order, history[order - 1 - length :])
        if shares is not None:
            agrees(NGrams(known, order, VOCAB).interpolated(context, alone(order, length + 1)), shares)


@few
@given(models(), seeds)
def test_interpolation_is_a_mean(model, seed):
    """Any weights give the mean, by these weights, of what each distribution gives alone."""
    known, order, context = model
    weights = torch.rand(order + 1, generator=torch.Generator().manual_seed(seed))
    weights = (weights / weights.sum()).tolist()  # whose sum is 1 up to the rounding of float32
    ngrams = NGrams(known, order, VOCAB)
    parts = [weight * ngrams.interpolated(context, alone(order, place)) for place, weight in enumerate(weights)]
    agrees(ngrams.interpolated(context, weights), torch.stack(parts).sum(0))


@few
@given(texts(), integers(2, 4), integers(0, 3))
def test_a_new_history_leaves_its_weight_to_a_shorter_one(known, order, last):
    """Weight on a history that never occurred counts for the longest that did."""
    ngrams = NGrams([*known, ids(last, last, last, last)], order, VOCAB)
    context = ids(last, VOCAB - 1, last)
    agrees(ngrams.interpolated(context, alone(order, order)), ngrams.interpolated(context, alone(order, 2)))


@few
@given(models())
def test_the_first_weight_is_that_of_the_uniform(model):
    """With all weight on the first, all tokens are equally probable."""
    known, order, context = model
    p = NGrams(known, order, VOCAB).interpolated(context, alone(order, 0))
    agrees(p, torch.full((VOCAB,), 1 / VOCAB, dtype=torch.float64))


@some
@given(models(), sampled_from([0.1, 0.5, 0.75, 1.0]))
def test_kneser_ney_follows_its_formula(model, discount):
    """The probabilities are those of the recursive formula, with counts for the whole history and contexts below."""
    known, order, context = model
    expected = kneser_ney(known, order, history_of(context, order), discount)
    agrees(NGrams(known, order, VOCAB).kneser_ney(context, discount), torch.tensor(expected, dtype=torch.float64))


@few
@given(integers(2, 4), integers(4, 12))
def test_a_token_that_follows_one_thing_alone_is_no_guess(order, times):
    """After a new history, a frequent token with one kind of context is less likely than a rare one with several."""
    known = [ids(0, 1)] * times + [ids(2, 3), ids(0, 3), ids(3, 3)]
    p = NGrams(known, order, VOCAB).kneser_ney(ids(0, 4))
    assert p[1] < p[3]


@few
@given(integers(3, 4), integers(0, 3), integers(2, 6))
def test_kneser_ney_falls_back_step_by_step(order, token, times):
    """After a history that never occurred, what followed the end of it is more probable than the rest."""
    p = NGrams([ids(*[token] * times)], order, VOCAB).kneser_ney(ids(VOCAB - 1, token))
    assert (p[token] > p).sum() == VOCAB - 1


@few
@given(models(), floats(0.1, 1))
def test_kneser_ney_thinks_everything_possible(model, discount):
    """With a discount above zero, every token has a probability above zero, also one that never occurred."""
    known, order, context = model
    assert (NGrams(known, order, VOCAB).kneser_ney(context, discount) > 0).all()


@few
@given(models())
def test_without_a_discount_kneser_ney_only_counts(model):
    """With a discount of zero, the probabilities after a history that occurred are the shares of what followed."""
    for known, order, context in and_edges(model):
        shares = shares_after(known, order, history_of(context, order))
        if shares is not None:
            agrees(NGrams(known, order, VOCAB).kneser_ney(context, 0.0), shares)


@few
@given(models())
def test_k_and_the_discount_have_defaults(model):
    """Without being told, k is 1 and the discount 0.75."""
    known, order, context = model
    ngrams = NGrams(known, order, VOCAB)
    agrees(ngrams.add_k(context), ngrams.add_k(context, 1.0))
    agrees(ngrams.kneser_ney(context), ngrams.kneser_ney(context, 0.75))


@few
@given(models(), contexts())
def test_only_the_last_tokens_count(model, earlier):
    """What stands before the last order - 1 tokens of a context makes no difference."""
    known, order, context = model
    ngrams, history = NGrams(known, order, VOCAB), torch.cat([context, ids(0, 1, 0)])
    for ask in (ngrams.add_k, ngrams.kneser_ney, lambda c: ngrams.interpolated(c, alone(order, order))):
        agrees(ask(torch.cat([earlier, history])), ask(history))


@few
@given(texts(), integers(2, 4))
def test_a_text_has_a_beginning(known, order):
    """Without a context, the shares are those of the first tokens of the texts."""
    first = [int(text[0]) for text in known if len(text)]
    if first:
        expected = torch.tensor([first.count(token) / len(first) for token in range(VOCAB)], dtype=torch.float64)
        agrees(NGrams(known, order, VOCAB).interpolated(ids(), alone(order, order)), expected)


@few
@given(models())
def test_texts_are_strangers(model):
    """The order of the texts does not matter, since no history reaches from one into the next."""
    known, order, context = model
    one, other = NGrams(known, order, VOCAB), NGrams(known[::-1], order, VOCAB)
    agrees(one.add_k(context), other.add_k(context))
    agrees(one.kneser_ney(context), other.kneser_ney(context))


@few
@given(texts(kinds=5), seeds)
def test_perplexity_is_the_exponential_of_the_mean_loss(known, seed):
    """Over all tokens of all texts, each with the whole of its text before it, as the definition says."""
    table = torch.rand(40, VOCAB, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
    model = lambda context: table[int((context + 1).sum())] / table[int((context + 1).sum())].sum()
    losses = [-math.log(model(text[:place])[token]) for text in known for place, token in enumerate(text.tolist())]
    if losses:
        agrees(perplexity(model, known), math.exp(sum(losses) / len(losses)), rtol=1e-6)


@few
@given(integers(2, 8))
def test_a_model_sees_all_that_came_before(length):
    """A model that is sure of the next token as soon as it sees the whole text so far has a perplexity of one."""
    text = ids(*range(length))
    sure = lambda context: torch.eye(length, dtype=torch.float64)[len(context)] * torch.equal(context, text[: len(context)])
    agrees(perplexity(sure, [text]), 1.0, rtol=1e-6)


@few
@given(texts(), integers(1, 50))
def test_equal_chances_have_the_perplexity_of_their_number(known, vocab):
    """A model that gives each of `vocab` tokens the same probability has a perplexity of `vocab`."""
    chances = torch.full((vocab,), 1 / vocab, dtype=torch.float64)
    agrees(perplexity(lambda _: chances, [text % vocab for text in [*known, ids(0)]]), float(vocab), rtol=1e-6)


@few
@given(texts(), integers(0, 3))
def test_the_impossible_has_infinite_perplexity(known, token):
    """A single token without any probability makes the perplexity infinite."""
    certain = torch.tensor([float(i != token) / 4 for i in range(VOCAB)], dtype=torch.float64)
    assert perplexity(lambda _: certain, [*known, ids((token + 1) % 4, token)]) == math.inf


@few
@given(integers(0, 3))
def test_no_tokens_have_no_perplexity(number):
    """Where no text holds a token, perplexity raises ValueError."""
    assert refuses(ValueError, perplexity, lambda _: torch.ones(1), [ids()] * number)


@few
@given(models(), sampled_from([torch.uint8, torch.int32]))
def test_any_integers_will_do(model, dtype):
    """The dtype of the ids and their place in memory do not matter."""
    known, order, context = model
    ngrams, others = NGrams(known, order, VOCAB), [text.to(dtype).repeat_interleave(2)[::2] for text in known]
    agrees(ngrams.kneser_ney(context.to(dtype).repeat_interleave(2)[::2]), ngrams.kneser_ney(context))
    agrees(NGrams(others, order, VOCAB).kneser_ney(context), ngrams.kneser_ney(context))
    if any(map(len, known)):
        agrees(perplexity(ngrams.kneser_ney, others), perplexity(ngrams.kneser_ney, known))


@few
@given(models())
def test_texts_and_contexts_survive(model):
    """No argument is modified."""
    known, order, context = model
    before = [x.clone() for x in (*known, context)]
    ngrams = NGrams(known, order, VOCAB)
    perplexity(ngrams.kneser_ney, [*known, context, ids(0)])
    for x, was in zip((*known, context), before, strict=True):
        agrees(x, was)


@few
@given(orders, integers(0, 4), sampled_from([0.0, 0.5, 1.0]))
def test_the_only_token_is_certain(order, length, discount):
    """In a vocabulary of one, that token has all of the probability."""
    ngrams = NGrams([torch.zeros(length, dtype=torch.int64)], order, 1)
    for p in (ngrams.add_k(ids(0)), ngrams.kneser_ney(ids(0), discount), ngrams.interpolated(ids(), alone(order, order))):
        agrees(p, torch.ones(1, dtype=torch.float64))


@few
@given(models())
def test_a_distribution_may_be_written_into(model):
    """Whoever changes a distribution gets the right one again at the next call."""
    known, order, context = model
    ngrams = NGrams(known, order, VOCAB)
    for ask in (ngrams.add_k, ngrams.kneser_ney, lambda c: ngrams.interpolated(c, alone(order, order))):
        first = ask(context)
        copy = first.clone()
        first.zero_()
        agrees(ask(context), copy)


@few
@given(texts(), orders, integers(-3, 0), sampled_from([-2, -1, VOCAB, VOCAB + 3]))
def test_impossible_models_are_refused(known, order, size, token):
    """An order or a vocabulary below 1 raises ValueError, an id outside the vocabulary IndexError."""
    assert refuses(ValueError, NGrams, known, size, VOCAB)
    assert refuses(ValueError, NGrams, [], order, size)
    assert refuses(IndexError, NGrams, [*known, ids(0, token)], order, VOCAB)


@few
@given(models(), sampled_from([-1.0, -0.001, 1.001, math.nan]))
def test_impossible_amounts_are_refused(model, amount):
    """A k that is not above 0, a discount outside [0, 1], and weights that are no weights raise ValueError."""
    known, order, context = model
    ngrams = NGrams(known, order, VOCAB)
    assert refuses(ValueError, ngrams.add_k, context, min(amount, 0.0))
    assert refuses(ValueError, ngrams.kneser_ney, context, amount)
    for weights in ([1.0], [*alone(order, 0), 0.0], [-0.5, 1.5, *[0.0] * (order - 1)], [0.5] + [0.0] * order):
        if len(weights) != order + 1 or weights[0] != 1:
            assert refuses(ValueError, ngrams.interpolated, context, weights)
