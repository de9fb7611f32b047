import torch
from torch import nn
from torch.nn import functional as F

from grader.kit import Equivalent, instead_of
from solutions.word2vec.word2vec import (
    SkipGram,
    draw_negatives,
    negative_sampling_loss,
    noise_distribution,
    skip_gram_pairs,
    subsample,
)


def scores(v, u, negatives):
    """Of the real pairs [pairs], and of their negatives [pairs, k]."""
    return (v * u).sum(-1), torch.einsum("pd,pkd->pk", v, negatives)


def chances(tokens, threshold):
    """For each occurrence, the threshold over the share of its word."""
    return (threshold / (tokens.bincount() / len(tokens)))[tokens]


def coins(tokens, generator):
    return torch.rand(len(tokens), generator=generator, dtype=torch.float64)


@instead_of("skip_gram_pairs")
def looks_ahead_only(tokens, window):
    """Contexts are taken from the right alone, as for a model that predicts the next word. A word is known by the company
    on both sides; here half of the pairs, and with them half of the text, go unused."""
    distances = range(1, min(window, len(tokens) - 1) + 1)
    centers, contexts = [tokens[:-d] for d in distances], [tokens[d:] for d in distances]
    return torch.cat([tokens[:0], *centers]), torch.cat([tokens[:0], *contexts])


@instead_of("skip_gram_pairs")
def pairs_a_word_with_itself(tokens, window):
    """`range(i - window, i + window + 1)` contains i. Each word then learns to be its own neighbour, which pulls its two
    vectors together and tells nothing about the text."""
    centers, contexts = skip_gram_pairs(tokens, window)
    return torch.cat([centers, tokens]), torch.cat([contexts, tokens])


@instead_of("skip_gram_pairs")
def wraps_around_the_ends(tokens, window):
    """`roll`, or an index of -1, makes the last words neighbours of the first. Negative indices are valid in Python: at the
    left end, i - 1 does not fail."""
    shifts = [d for d in range(-window, window + 1) if d % max(len(tokens), 1)]
    return tokens.repeat(len(shifts)), torch.cat([tokens[:0], *(tokens.roll(d) for d in shifts)])


@instead_of("subsample")
def keeps_what_should_be_lost(tokens, threshold, generator):
    """The paper's formula is the probability of being discarded, 1 - √(t / f), and it was taken for that of being kept:
    'the' stays and every rare word goes."""
    return tokens[coins(tokens, generator) >= chances(tokens, threshold).sqrt()]


@instead_of("subsample")
def takes_no_root(tokens, threshold, generator):
    """t / f without its root makes all frequent words equally frequent: each is left with about t of the text. The root
    only dampens their lead, and keeps their order."""
    return tokens[coins(tokens, generator) < chances(tokens, threshold)]


@instead_of("subsample")
def follows_the_c_code(tokens, threshold, generator):
    """The original program keeps √(t / f) + t / f, more than its own paper says. Both work; results, and thresholds, are not
    comparable, so say which one is yours. Here it is the paper's."""
    ratio = chances(tokens, threshold)
    return tokens[coins(tokens, generator) < ratio.sqrt() + ratio]


@instead_of("subsample")
def throws_one_coin_for_each_word(tokens, threshold, generator):
    """The coin decides about a word, not about an occurrence, so a frequent word is gone altogether or stays altogether.
    Draw as many coins as there are tokens."""
    coin = torch.rand(int(tokens.max()) + 1, generator=generator, dtype=torch.float64)
    return tokens[coin[tokens] < chances(tokens, threshold).sqrt()]


@instead_of("noise_distribution")
def draws_by_plain_frequency(counts, power=0.75):
    """The power is not used, so most negatives are the few most frequent words, and rare words are hardly ever told from
    noise. Three quarters was found to be better than one, and better than none."""
    if not counts.any():
        raise ValueError(counts)
    return counts / counts.sum(dtype=torch.float64)


@instead_of("noise_distribution")
def does_not_normalise_again(counts, power=0.75):
    """Shares to the power of 3/4 sum to more than one. `multinomial` normalises by itself and hides it; a formula that uses
    these numbers as probabilities, like the shift by log k, does not."""
    if not counts.any():
        raise ValueError(counts)
    return ((counts / counts.sum(dtype=torch.float64)) ** power).masked_fill(counts == 0, 0.0)


@instead_of("noise_distribution")
def draws_words_that_never_occur(counts, power=0.75):
    """0 to the power of 0 is 1, so with power 0 the noise is uniform over the table, not over the words of the text. Rows
    of padding and of words that were dropped are then trained as negatives for ever."""
    if not counts.any():
        raise ValueError(counts)
    weights = counts.double() ** power
    return weights / weights.sum()


@instead_of("draw_negatives")
def shares_negatives_in_the_batch(noise, pairs, k, generator):
    """One set of k words serves the whole batch. The sum has the right expectation, and all pairs push against the same few
    rows: the noise of the gradient grows, and of a large vocabulary little is seen."""
    if pairs * k == 0:
        return torch.empty(pairs, k, dtype=torch.int64)
    return torch.multinomial(noise, k, replacement=True, generator=generator).repeat(pairs, 1)


@instead_of("draw_negatives")
def draws_without_replacement(noise, pairs, k, generator):
    """`multinomial` draws without replacement unless told: frequent words then come at most once a pair, and less often
    than the noise says. With k above the vocabulary it raises."""
    if pairs * k == 0:
        return torch.empty(pairs, k, dtype=torch.int64)
    return torch.multinomial(noise.expand(pairs, -1), k, generator=generator)


@instead_of("negative_sampling_loss")
def rewards_the_noise(v, u, negatives):
    """The minus inside the second log σ is missing: negatives are pulled near like real neighbours, and the quickest way
    down is to make all vectors one. A loss that falls fast is not always good news."""
    real, noise = scores(v, u, negatives)
    return -(F.logsigmoid(real) + F.logsigmoid(noise).sum(-1)).mean()


@instead_of("negative_sampling_loss")
def averages_over_the_negatives(v, u, negatives):
    """The mean over k gives all negatives together the weight of one. k then changes the noise of the gradient and not the
    optimum; in the method it shifts every score by log k."""
    real, noise = scores(v, u, negatives)
    return -(F.logsigmoid(real) + F.logsigmoid(-noise).sum(-1) / max(noise.shape[1], 1)).mean()


@instead_of("negative_sampling_loss")
def sums_over_the_batch(v, u, negatives):
    """A sum grows with the batch, so losses of batches of different sizes can't be compared, and a loop that multiplies the
    rate by the number of pairs does so twice. The mean was asked for; how far a pair moves its rows is for `train` to say."""
    real, noise = scores(v, u, negatives)
    return -(F.logsigmoid(real) + F.logsigmoid(-noise).sum(-1)).sum()


@instead_of("negative_sampling_loss")
def takes_a_softmax_over_the_candidates(v, u, negatives):
    """A softmax that picks the real word among k + 1 is InfoNCE, another loss: only differences of scores count there. Here
    each score is judged by itself, real or noise."""
    real, noise = scores(v, u, negatives)
    return -F.log_softmax(torch.cat([real[:, None], noise], 1), 1)[:, 0].mean()


@instead_of("negative_sampling_loss")
def takes_the_logarithm_of_a_sigmoid(v, u, negatives):
    """In two steps, a score of -100 is the logarithm of zero: the loss is infinite and the gradient NaN. `logsigmoid`
    computes the same in one step, and 1 - σ(s) is σ(-s)."""
    real, noise = scores(v, u, negatives)
    return -(real.sigmoid().log() + (1 - noise.sigmoid()).log().sum(-1)).mean()


@instead_of("SkipGram.__init__")
def starts_both_tables_at_zero(self, vocab_size, dim, generator):
    """The gradient of each table is made of the other's rows. If both are zero, both gradients are zero: the loss stands
    still at (k + 1) ln 2 for ever."""
    nn.Module.__init__(self)
    self.center = nn.Parameter(torch.zeros(vocab_size, dim))
    self.context = nn.Parameter(torch.zeros(vocab_size, dim))


@instead_of("SkipGram.__init__")
def starts_as_large_as_an_embedding(self, vocab_size, dim, generator):
    """N(0, 1) is the default of nn.Embedding. Scores then start at ±√dim, most of them sure and wrong, and the first epochs
    are spent on unlearning. Start where the model knows nothing: at scores of zero."""
    nn.Module.__init__(self)
    self.center = nn.Parameter(torch.randn(vocab_size, dim, generator=generator))
    self.context = nn.Parameter(torch.randn(vocab_size, dim, generator=generator))


@instead_of("SkipGram.forward")
def looks_everything_up_in_one_table(self, centers, contexts, negatives):
    """With one table u·u is never negative, so a word could not say that it does not stand next to itself. A word in the
    middle and a word as a neighbour are two roles with a vector each."""
    return negative_sampling_loss(self.center[centers], self.center[contexts], self.center[negatives])


def trained(tokens, config, generator, threshold):
    """The right loop."""
    model = SkipGram(config.vocab_size, config.dim, generator)
    tables, noise = (model.center, model.context), noise_distribution(tokens.bincount(minlength=config.vocab_size))
    for _ in range(config.epochs):
        centers, contexts = skip_gram_pairs(subsample(tokens, threshold, generator), config.window)
        for batch in torch.randperm(len(centers), generator=generator).split(config.batch_size):
            negatives = draw_negatives(noise, len(batch), config.negatives, generator)
            loss = model(centers[batch], contexts[batch], negatives)
            for table, gradient in zip(tables, torch.autograd.grad(loss, tables), strict=True):
                table.data -= 0.05 * len(batch) * gradient
    return model


@instead_of("train")
def keeps_every_word(tokens, config, generator):
    """The subsampling was written and is not called. Most pairs are then of 'the' with something, the time goes there, and
    the window ends at words that say nothing."""
    return trained(tokens, config, generator, threshold=float("inf"))


@instead_of("train")
def draws_from_the_global_generator(tokens, config, generator):
    """Part of the chance comes from torch's own generator, so a run cannot be repeated by who holds the one that was given.
    One call without `generator=` is enough."""
    return trained(tokens, config, torch.default_generator, config.threshold)


equivalents = [
    Equivalent("subsample: coins < (threshold / shares).sqrt()[tokens] → coins <= (threshold / shares).sqrt()[tokens]",
               "a coin equals its bound once in 16 million times"),
    Equivalent("negative_sampling_loss: (negatives @ v.unsqueeze(2)).squeeze(2) → negatives @ v.unsqueeze(2)",
               "every real term then meets every noise term, and the mean of all these sums is the sum of both means"),
    Equivalent("train: True → False", "autograd returns one gradient for each table"),
]  # fmt: skip
