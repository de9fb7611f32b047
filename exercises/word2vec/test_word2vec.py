import math
from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, floats, integers, sampled_from
from torch.nn import functional as F

from exercises.word2vec.given import Config, text_tokens
from exercises.word2vec.word2vec import (
    SkipGram,
    draw_negatives,
    negative_sampling_loss,
    noise_distribution,
    skip_gram_pairs,
    subsample,
    train,
)
from grader.kit import agrees, costly, gradients, quarters, refuses, scattered, seeds, tensors

forbids = []

few = settings(max_examples=10)
once = settings(max_examples=1)
TINY = Config(vocab_size=6, dim=3, window=1, negatives=2, threshold=0.1, epochs=1, batch_size=8)
texts = tensors("n", longest=8).map(lambda x: (2 * x + 4).long())  # words 0 to 8

# How far chance may go: of MANY coins or draws, a share is off by more than 0.04 with a probability of at most
# 2 exp(-2 * 10_000 * 0.04 ** 2) = 3e-14 (Hoeffding).
MANY, CHANCE = 10_000, 0.04


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@composite
def vectors(draw, fewest=0, most=4):
    """v [pairs, d], u [pairs, d] and negatives [pairs, k, d]."""
    pairs, k, d, seed = draw(integers(1, 4)), draw(integers(fewest, most)), draw(integers(1, 4)), draw(seeds)
    return [quarters(seed + n, *shape) for n, shape in enumerate([(pairs, d), (pairs, d), (pairs, k, d)])]


@composite
def mixtures(draw):
    """A shuffled text of MANY words 0, 1, 2, of which 0 is the most frequent by far, and a threshold below its share."""
    rare, seed = draw(integers(500, 2_000)), draw(seeds)
    text = torch.tensor([0, 1, 2]).repeat_interleave(torch.tensor([MANY - 2 * rare, rare, rare]))
    return text[torch.randperm(MANY, generator=seeded(seed))], draw(floats(0.02, 0.2)), seed


def pairs_by_hand(tokens, window):
    """The definition, as a sorted list."""
    words = tokens.tolist()
    near = [(i, j) for i in range(len(words)) for j in range(len(words)) if i != j and abs(i - j) <= window]
    return sorted((words[i], words[j]) for i, j in near)


def listed(pairs):
    return sorted(zip(*(side.tolist() for side in pairs), strict=True))


def loss_by_hand(v, u, negatives):
    """The definition, pair by pair, in float64."""
    losses = []
    for center, context, noise in zip(v.double(), u.double(), negatives.double(), strict=True):
        scores = [context @ center, *(-(row @ center) for row in noise)]
        losses.append(sum(torch.log1p(torch.exp(-score)) for score in scores))
    return torch.stack(losses).mean()


def kept(text, threshold, seed):
    """Of each of the words 0, 1, 2, the share of its occurrences that was kept."""
    return subsample(text, threshold, seeded(seed)).bincount(minlength=3) / text.bincount(minlength=3)


# skip_gram_pairs ------------------------------------------------------------------------------------------------------


@given(texts, integers(1, 4))
def test_pairs_are_all_words_within_the_window(tokens, window):
    """Every word meets each word at most `window` places away, on both sides, once."""
    assert listed(skip_gram_pairs(tokens, window)) == pairs_by_hand(tokens, window)


@few
@given(texts, integers(1, 4))
def test_pairs_come_in_both_directions(tokens, window):
    """If a word has another as its context, the other has it as its own."""
    centers, contexts = skip_gram_pairs(tokens, window)
    assert listed((centers, contexts)) == listed((contexts, centers))


@few
@given(integers(2, 8), integers(1, 10))
def test_no_word_is_its_own_context(n, window):
    """Where all words differ, no pair has the same word twice."""
    centers, contexts = skip_gram_pairs(torch.arange(n), window)
    assert not (centers == contexts).any()


@few
@given(integers(3, 8))
def test_the_ends_of_a_text_are_not_neighbours(n):
    """In a window of one, the first and the last word do not meet, and there are two pairs for each two neighbours."""
    pairs = listed(skip_gram_pairs(torch.arange(n), 1))
    assert (0, n - 1) not in pairs
    assert len(pairs) == 2 * (n - 1)


@few
@given(integers(0, 1), integers(1, 3))
def test_a_text_without_neighbours_has_no_pairs(n, window):
    """One word, or none, gives two empty int64 tensors."""
    for side in skip_gram_pairs(torch.arange(n), window):
        agrees(side, torch.empty(0, dtype=torch.int64))


# subsample ------------------------------------------------------------------------------------------------------------


@few
@given(mixtures())
def test_a_frequent_word_is_kept_often_enough(case):
    """Of a frequent word, no fewer than √(threshold / share) of all occurrences are kept."""
    text, threshold, seed = case
    assert kept(text, threshold, seed)[0] > (threshold / (text == 0).double().mean()).sqrt() - CHANCE


@few
@given(mixtures())
def test_a_frequent_word_is_kept_seldom_enough(case):
    """Of a frequent word, no more than √(threshold / share) of all occurrences are kept."""
    text, threshold, seed = case
    assert kept(text, threshold, seed)[0] < (threshold / (text == 0).double().mean()).sqrt() + CHANCE


@few
@given(mixtures())
def test_rare_words_are_all_kept(case):
    """With a threshold that is no word's share or less, nothing is lost."""
    text, _, seed = case
    agrees(subsample(text, 1.0, seeded(seed)), text)


@few
@given(mixtures())
def test_occurrences_are_lost_one_by_one(case):
    """Of a frequent word, some occurrences are lost and others kept."""
    text, threshold, seed = case
    assert 0 < kept(text, threshold, seed)[0] < 1


@few
@given(integers(2, 30), seeds)
def test_the_order_of_words_stays(n, seed):
    """What is kept stands in the order in which it stood, in int64."""
    left = subsample(torch.arange(n), 0.5 / n, seeded(seed))
    agrees(left, left.unique())
    assert left.dtype == torch.int64


# noise_distribution, draw_negatives -----------------------------------------------------------------------------------


@few
@given(tensors("v").map(lambda x: (4 * x.abs() + 1).long()), floats(0, 2))
def test_noise_is_in_proportion_to_a_power_of_the_counts(counts, power):
    """Of two words, the ratio of probabilities is the ratio of their counts to the power."""
    noise = noise_distribution(counts, power)
    agrees(noise / noise[0], (counts / counts[0].double()) ** power)


@few
@given(tensors("v").map(lambda x: (4 * x.abs() + 1).long()))
def test_noise_sums_to_one(counts):
    """Noise is a distribution, in float64."""
    agrees(noise_distribution(counts).sum(), torch.tensor(1.0, dtype=torch.float64))


@few
@given(tensors("v").map(lambda x: (4 * x.abs() + 1).long()))
def test_the_power_is_three_quarters_by_default(counts):
    """Without a power, it is 0.75."""
    agrees(noise_distribution(counts), noise_distribution(counts, 0.75))


@few
@given(integers(1, 5), integers(1, 5), floats(0, 1))
def test_words_that_never_occur_are_never_drawn(seen, unseen, power):
    """A count of zero has probability zero, whatever the power; and if all are zero, that is a ValueError."""
    noise = noise_distribution(torch.tensor([0] * unseen + [3] * seen), power)
    agrees(noise, torch.tensor([0.0] * unseen + [1 / seen] * seen, dtype=torch.float64))
    assert refuses(ValueError, noise_distribution, torch.zeros(unseen, dtype=torch.int64), power)


@few
@given(seeds, integers(1, 9))
def test_negatives_follow_the_noise(seed, weight):
    """Over many draws, words come as often as the noise says, and a word without probability never."""
    noise = torch.tensor([0, weight, 10 - weight, 0, 5]).double() / 15
    drawn = draw_negatives(noise, MANY // 5, 5, seeded(seed))
    agrees(drawn.flatten().bincount(minlength=5).double() / MANY, noise, atol=CHANCE, rtol=0)
    assert not torch.isin(drawn, torch.tensor([0, 3])).any()


@few
@given(seeds)
def test_every_pair_has_negatives_of_its_own(seed):
    """Negatives differ from pair to pair, and within a pair."""
    drawn = draw_negatives(torch.full((1_000,), 0.001).double(), 50, 5, seeded(seed))
    assert len(drawn.unique()) > 150


@few
@given(seeds, integers(0, 3), integers(0, 3))
def test_a_word_may_be_drawn_more_often_than_there_are_words(seed, pairs, k):
    """Negatives are [pairs, k] in int64, also where k is larger than the vocabulary, or zero."""
    agrees(draw_negatives(torch.ones(1).double(), pairs, k, seeded(seed)), torch.zeros(pairs, k, dtype=torch.int64))


# negative_sampling_loss -----------------------------------------------------------------------------------------------


@given(vectors())
def test_the_loss_follows_the_definition(case):
    """The loss is the mean over pairs of -log σ(u·v) - Σ log σ(-u′·v)."""
    agrees(negative_sampling_loss(*case), loss_by_hand(*case).float())


@few
@given(vectors())
def test_knowing_nothing_costs_ln_two_for_each_score(case):
    """Where all vectors are zero, a pair with k negatives costs (k + 1) ln 2."""
    loss = negative_sampling_loss(*(0 * x for x in case))
    agrees(loss, torch.tensor((case[2].shape[1] + 1) * math.log(2)))


@few
@given(vectors(1, 1))
def test_a_single_negative_is_judged_by_itself(case):
    """With one negative, the loss is that of two separate questions: one pair is real, the other is not."""
    v, u, negatives = case
    apart = F.softplus(-(u * v).sum(-1)) + F.softplus((negatives[:, 0] * v).sum(-1))
    agrees(negative_sampling_loss(*case), apart.mean())


@few
@given(vectors(), integers(2, 3))
def test_the_loss_is_a_mean_over_pairs(case, times):
    """A batch repeated has the loss of the batch."""
    agrees(negative_sampling_loss(*(torch.cat([x] * times) for x in case)), negative_sampling_loss(*case))


@few
@given(vectors())
def test_every_negative_counts_in_full(case):
    """Each negative adds what it would add as the only one."""
    v, u, negatives = case
    alone = [negative_sampling_loss(v, u, negatives[:, i : i + 1]) for i in range(negatives.shape[1])]
    bare = negative_sampling_loss(v, u, negatives[:, :0])
    agrees(negative_sampling_loss(*case) - bare, sum((one - bare for one in alone), torch.tensor(0.0)), 1e-4, 1e-4)


@few
@given(integers(100, 10_000))
def test_large_scores_cost_what_they_are(score):
    """A real pair that scores far below zero, or noise far above, costs its distance; rightly scored, both cost nothing."""
    one, far = torch.ones(1, 1), torch.full((1, 1), float(score))
    losses = [negative_sampling_loss(one, sign * far, -sign * far[None]) for sign in (-1, 1)]
    agrees(torch.stack(losses), torch.tensor([2.0 * score, 0.0]))


@few
@given(vectors())
def test_gradients_are_the_error_times_the_other_vector(case):
    """The gradients by v, u and the negatives are those of the definition."""
    case = [x.requires_grad_() for x in case]
    both = (gradients(loss(*case), *case) for loss in (negative_sampling_loss, loss_by_hand))
    for got, expected in zip(*both, strict=True):
        agrees(got, expected)


@few
@given(vectors(), sampled_from([torch.float64, torch.float16, torch.bfloat16]))
def test_the_loss_takes_any_dtype_and_layout(case, dtype):
    """The loss has the dtype of the vectors, which may have gaps in memory."""
    case = [scattered(x.to(dtype) / 2) for x in case]
    agrees(negative_sampling_loss(*case), loss_by_hand(*case).to(dtype))


# SkipGram -------------------------------------------------------------------------------------------------------------


@few
@given(seeds, integers(1, 64))
def test_center_vectors_start_small_and_random(seed, dim):
    """`center` is uniform within ±1 / (2 dim), in both signs, and decided by the generator."""
    center = SkipGram(100, dim, seeded(seed)).center.detach()
    assert center.shape == (100, dim)
    assert center.max() <= 0.5 / dim < 1.1 * center.max()
    assert center.min() >= -0.5 / dim > 1.1 * center.min()
    agrees(center, SkipGram(100, dim, seeded(seed)).center.detach())


@few
@given(seeds, integers(1, 6), integers(1, 6))
def test_context_vectors_start_at_zero(seed, vocab_size, dim):
    """`context` is zero, and the two tables are the only parameters."""
    model = SkipGram(vocab_size, dim, seeded(seed))
    agrees(model.context.detach(), torch.zeros(vocab_size, dim))
    assert sorted(name for name, _ in model.named_parameters()) == ["center", "context"]


@few
@given(seeds, integers(1, 5), integers(0, 3), sampled_from([torch.float32, torch.float64]))
def test_a_model_has_the_loss_of_its_rows(seed, pairs, k, dtype):
    """Centers are rows of `center`, contexts and negatives rows of `context`."""
    model = SkipGram(6, 4, seeded(seed)).to(dtype)
    model.center.data, model.context.data = quarters(seed, 2, 6, 4).to(dtype)
    centers, contexts, negatives = (torch.randint(6, s, generator=seeded(seed + 1)) for s in [(pairs,), (pairs,), (pairs, k)])
    expected = loss_by_hand(model.center[centers], model.context[contexts], model.context[negatives])
    agrees(model(centers, contexts, negatives), expected.to(dtype))


# train ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=3)
@given(seeds, seeds)
def test_the_generator_alone_decides(seed, other):
    """With the same generator the same vectors are learned, whatever else was drawn; the tokens stay as they were."""
    tokens = torch.randint(6, (20,), generator=seeded(seed))
    before, first = tokens.clone(), train(tokens, TINY, seeded(seed))
    torch.manual_seed(other)
    again = train(tokens, TINY, seeded(seed))
    agrees(again.center.detach(), first.center.detach())
    agrees(tokens, before)


@settings(max_examples=3)
@given(seeds)
def test_where_every_word_is_dropped_nothing_is_learned(seed):
    """With a threshold so low that no word is kept, the context vectors stay at zero."""
    model = train(torch.randint(6, (20,), generator=seeded(seed)), replace(TINY, threshold=1e-30), seeded(seed))
    agrees(model.context.detach(), torch.zeros(6, 3))


@settings(max_examples=3)
@given(seeds, integers(1, 5))
def test_a_text_of_one_word_teaches_nothing(seed, word):
    """Without a neighbour there is no pair, and the context vectors stay at zero."""
    agrees(train(torch.tensor([word]), TINY, seeded(seed)).context.detach(), torch.zeros(6, 3))


@costly
@once
@given(seeds)
def test_words_in_the_same_places_become_neighbours(seed):
    """In a text of six themes that follow in a ring, each said by either of two words, most words find their twin nearest."""
    themes = torch.arange(3_000) % 6
    text = 2 * themes + torch.randint(2, (3_000,), generator=seeded(seed))
    config = Config(vocab_size=12, dim=8, window=1, negatives=3, threshold=1.0, epochs=5, batch_size=64)
    center = F.normalize(train(text, config, seeded(seed)).center.detach(), dim=1)
    nearest = (center @ center.T).fill_diagonal_(-1).argmax(1)
    assert (nearest == torch.arange(12).bitwise_xor(torch.tensor(1))).sum() >= 10


def expected_loss(scores, tokens, noise):
    """Of scores [v, v] on all neighbours in a text, the sum over negatives replaced by its expectation under the noise."""
    centers, contexts = torch.cat([torch.stack([tokens[d:], tokens[:-d]]) for d in (1, 2)], 1)
    return -(F.logsigmoid(scores[centers, contexts]) + 5 * (F.logsigmoid(-scores) @ noise)[centers]).mean()


@costly
@once
@given(seeds)
def test_real_neighbours_are_told_from_noise(seed):
    """On held-out text, trained vectors do better than the best scores that know the frequency of each word alone."""
    blocks = text_tokens()[0][:30_000].view(300, 100)
    learned, held_out = blocks[torch.arange(300) % 10 > 0].flatten(), blocks[::10].flatten()
    counts = learned.bincount(minlength=500) + 1.0
    noise = counts**0.75 / (counts**0.75).sum()
    by_frequency = (counts / counts.sum() / (5 * noise)).log().expand(500, 500)
    model = train(learned, Config(), seeded(seed))
    scores = model.center.detach() @ model.context.detach().T
    assert expected_loss(scores, held_out, noise) < expected_loss(by_frequency, held_out, noise)
