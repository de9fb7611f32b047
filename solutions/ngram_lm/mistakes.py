import math
from collections import Counter, defaultdict

import torch

from grader.kit import instead_of


def check(k=1.0, discount=0.5):
    if not k > 0 or not 0 <= discount <= 1:
        raise ValueError(k, discount)


def check_weights(self, weights):
    if len(weights) != self.order + 1 or min(weights) < 0 or abs(sum(weights) - 1) > 1e-6:
        raise ValueError(weights)


def check_size(texts, order, vocab):
    if min(order, vocab) < 1:
        raise ValueError(order, vocab)
    if any(not 0 <= token < vocab for text in texts for token in text.tolist()):
        raise IndexError(vocab)


def fill(self, texts, order, vocab, starts=True):
    """Counts and continuations as in the solution, of lists of tokens."""
    self.order, self.vocab = order, vocab
    self._followers, self._continuations = defaultdict(Counter), defaultdict(Counter)
    for tokens in texts:
        marks = order - 1 if starts else 0
        marked = [-1] * marks + tokens
        for place in range(marks, len(marked)):
            for length in range(min(order, place + 1)):
                self._followers[tuple(marked[place - length : place])][marked[place]] += 1
    for history, followers in self._followers.items():
        if history:
            self._continuations[history[1:]].update(followers.keys())


def vector(self, table, history):
    return torch.tensor([float(table.get(history, {}).get(token, 0)) for token in range(self.vocab)], dtype=torch.float64)


def uniform(self):
    return torch.full((self.vocab,), 1 / self.vocab, dtype=torch.float64)


def smoothed(self, context, discount, lower, kept=lambda counts, discount: counts.clamp(max=discount).sum()):
    """Interpolated discounting over the tables of `lower`, with `kept` for what goes to the shorter history."""
    check(discount=discount)
    history, shares = self._history(context.tolist()), uniform(self)
    for start in reversed(range(self.order)):
        counts = vector(self, lower if start else self._followers, history[start:])
        if counts.sum() > 0:
            shares = ((counts - discount).clamp(min=0) + kept(counts, discount) * shares) / counts.sum()
    return shares


@instead_of("NGrams.__init__")
def joins_the_texts(self, texts, order, vocab):
    """All texts are one long list here, so the end of one becomes the history of the beginning of the next. With short
    texts, such as sentences, that is a large part of all histories."""
    check_size(texts, order, vocab)
    fill(self, [[token for text in texts for token in text.tolist()]], order, vocab)


@instead_of("NGrams.__init__")
def forgets_the_beginnings(self, texts, order, vocab):
    """Without marks, the first tokens of a text have no history of full length and are not counted there: the model does not
    know how texts begin, and generates from the middle of one."""
    check_size(texts, order, vocab)
    fill(self, [text.tolist() for text in texts], order, vocab, starts=False)


@instead_of("NGrams.__init__")
def takes_any_id(self, texts, order, vocab):
    """Ids are not checked, so -1 in a text counts as a mark for the beginning, and an id beyond the vocabulary is counted in
    totals and has no probability. What reads data should say what it cannot be."""
    if min(order, vocab) < 1:
        raise ValueError(order, vocab)
    fill(self, [text.tolist() for text in texts], order, vocab)


@instead_of("NGrams._history")
def keeps_everything_for_a_unigram(self, context):
    """`tokens[-(order - 1):]` is the whole list where order is 1, since -0 is 0. The unigram model then has never seen any
    history, and says so for every token."""
    return tuple(([-1] * (self.order - 1) + context)[-(self.order - 1) :])


@instead_of("NGrams._history")
def reads_the_beginning_of_the_context(self, context):
    """The first order - 1 tokens of the context and not the last: right for as long as contexts are no longer than that, as
    they are in small tests."""
    marks = [-1] * max(0, self.order - 1 - len(context))
    return tuple((marks + context)[: self.order - 1])


@instead_of("NGrams.add_k")
def adds_k_to_the_counts_alone(self, context, k=1.0):
    """Every count gets k and the total does not get k · vocab, so the probabilities sum to more than one. Perplexities look
    wonderful and mean nothing: a sum is checked in one line."""
    check(k=k)
    counts = vector(self, self._followers, self._history(context.tolist()))
    return (counts + k) / (counts.sum() + k) if counts.sum() > 0 else uniform(self)


@instead_of("NGrams.add_k")
def adds_k_to_what_was_seen(self, context, k=1.0):
    """Only tokens that followed get k, so those that never did keep their zero: exactly the case that smoothing is for."""
    check(k=k)
    counts = vector(self, self._followers, self._history(context.tolist()))
    raised = counts + k * (counts > 0)
    return raised / raised.sum() if counts.sum() > 0 else uniform(self)


@instead_of("NGrams.interpolated")
def loses_the_weight_of_new_histories(self, context, weights):
    """A history that never occurred adds nothing, and its weight is gone: after it the probabilities sum to 1 minus that
    weight. The model looks worst exactly where it should fall back."""
    check_weights(self, weights)
    history, mean = self._history(context.tolist()), weights[0] * uniform(self)
    for length, weight in enumerate(weights[1:]):
        counts = vector(self, self._followers, history[len(history) - length :])
        mean = mean + weight * counts / max(1.0, float(counts.sum()))
    return mean


@instead_of("NGrams.interpolated")
def backs_off_where_it_should_mix(self, context, weights):
    """The longest history that occurred decides alone. That is backing off; interpolation mixes the shorter ones in always,
    since a long history that occurred once says little, and the weights are there to say how little."""
    check_weights(self, weights)
    history = self._history(context.tolist())
    for start in range(self.order):
        counts = vector(self, self._followers, history[start:])
        if counts.sum() > 0 and weights[self.order - start] > 0:
            return counts / counts.sum()
    return uniform(self)


@instead_of("NGrams.interpolated")
def takes_the_weights_from_fine_to_coarse(self, context, weights):
    """The first weight goes to the longest history. Papers write λ₁ for either end, so the order has to be looked up: both sum
    to one, and a wrong one only costs perplexity."""
    check_weights(self, weights)
    history, shares, mean = self._history(context.tolist()), uniform(self), weights[-1] * uniform(self)
    for length, weight in enumerate(weights[-2::-1]):
        counts = vector(self, self._followers, history[len(history) - length :])
        shares = counts / counts.sum() if counts.sum() > 0 else shares
        mean = mean + weight * shares
    return mean


@instead_of("NGrams.kneser_ney")
def counts_tokens_in_the_lower_orders(self, context, discount=0.75):
    """With plain counts below, this is absolute discounting. A token that is frequent after one thing only, like Francisco
    after San, is then a favourite after everything that is new: counting contexts is the idea of Kneser and Ney."""
    return smoothed(self, context, discount, self._followers)


@instead_of("NGrams.kneser_ney")
def gives_out_a_single_discount(self, context, discount=0.75):
    """The discount is taken from every kind of follower and given out once. The rest is lost, and the probabilities sum to less
    than one: count the kinds."""
    return smoothed(self, context, discount, self._continuations, lambda counts, discount: discount)


@instead_of("NGrams.kneser_ney")
def backs_off_to_what_is_new(self, context, discount=0.75):
    """What was taken goes only to tokens that were not seen, without being scaled to fill its place: the probabilities no
    longer sum to one. Interpolation gives every token its part, seen or not."""
    check(discount=discount)
    history, shares = self._history(context.tolist()), uniform(self)
    for start in reversed(range(self.order)):
        counts = vector(self, self._continuations if start else self._followers, history[start:])
        if counts.sum() > 0:
            left = counts.clamp(max=discount).sum() / counts.sum()
            shares = torch.where(counts > 0, (counts - discount).clamp(min=0) / counts.sum(), left * shares)
    return shares


@instead_of("NGrams.kneser_ney")
def ends_at_the_unigrams(self, context, discount=0.75):
    """The recursion stops at the shares of the shortest history, without the uniform distribution below. A token that never
    occurred has no probability at all, and one of them makes the perplexity of a whole test set infinite."""
    check(discount=discount)
    history, shares = self._history(context.tolist()), uniform(self)
    for start in reversed(range(self.order)):
        counts = vector(self, self._continuations if start else self._followers, history[start:])
        if counts.sum() > 0 and start == self.order - 1:
            shares = counts / counts.sum()
        elif counts.sum() > 0:
            shares = ((counts - discount).clamp(min=0) + counts.clamp(max=discount).sum() * shares) / counts.sum()
    return shares


@instead_of("NGrams.kneser_ney")
def gives_up_after_a_new_history(self, context, discount=0.75):
    """After a history that never occurred it answers with the uniform distribution. The shorter history did occur, and
    knows better: fall back step by step."""
    check(discount=discount)
    history = self._history(context.tolist())
    if not vector(self, self._followers, history).sum() > 0:
        return uniform(self)
    return smoothed(self, context, discount, self._continuations)


def losses(model, texts):
    found = [[-math.log(p) if (p := float(model(text[:i])[text[i]])) else math.inf for i in range(len(text))] for text in texts]
    if not any(found):
        raise ValueError
    return [part for part in found if part]


@instead_of("perplexity")
def averages_over_texts(model, texts):
    """The perplexity of each text, and the mean of these. A text of one strange token then weighs as much as a book, and the
    number may lie on either side of that of all tokens together."""
    each = [math.exp(sum(part) / len(part)) if math.inf not in part else math.inf for part in losses(model, texts)]
    return sum(each) / len(each)


@instead_of("perplexity")
def mixes_bits_and_nats(model, texts):
    """The logarithm is taken to base 2 and the exponential to base e. Either base is fine as long as both are the same."""
    every = [loss / math.log(2) for part in losses(model, texts) for loss in part]
    return math.exp(sum(every) / len(every)) if math.inf not in every else math.inf


@instead_of("perplexity")
def forgives_the_impossible(model, texts):
    """A little is added to each probability before the logarithm, so that a zero costs 23 nats and not everything. The number
    is finite and depends on what was added; a model with zeros has to be smoothed, not its evaluation."""
    every = [-math.log(float(model(text[:i])[text[i]]) + 1e-10) for text in texts for i in range(len(text))]
    if not every:
        raise ValueError
    return math.exp(sum(every) / len(every))


@instead_of("perplexity")
def shows_one_token_of_context(model, texts):
    """The model is given the token before and nothing else, whatever its order. It is then measured as the bigram model that it
    is not."""
    previous = [(text[max(0, i - 1) : i], int(text[i])) for text in texts for i in range(len(text))]
    every = [-math.log(p) if (p := float(model(context)[token])) else math.inf for context, token in previous]
    if not every:
        raise ValueError
    return math.exp(sum(every) / len(every)) if math.inf not in every else math.inf
