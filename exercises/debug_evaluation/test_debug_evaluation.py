import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, floats, integers, lists, tuples
from torch import nn

from exercises.debug_evaluation.debug_evaluation import Best, evaluate, fit, perplexity
from grader.kit import agrees, seeds, settled

forbids = []

few = settings(max_examples=8)
VOCABULARY = 5
scored = lists(tuples(floats(0, 3), integers(1, 9)), min_size=1, max_size=5)


class Net(nn.Module):
    """A table of logits behind batch norm and dropout, which both behave otherwise in training."""

    def __init__(self):
        super().__init__()
        self.table, self.norm, self.drop = nn.Embedding(VOCABULARY, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)
        self.head = nn.Linear(4, VOCABULARY)

    def forward(self, ids):
        return self.head(self.drop(self.norm(self.table(ids).mT).mT))


def texts(seed, *lengths):
    return [torch.randint(VOCABULARY, (n,), generator=torch.Generator().manual_seed(seed + n)) for n in lengths]


class Uniform(nn.Module):
    """After `worse` epochs too many the logits of the right id, which is always 0, are that much lower."""

    def __init__(self):
        super().__init__()
        self.margin = nn.Parameter(torch.zeros(()))

    def forward(self, ids):
        return self.margin * torch.eye(VOCABULARY)[torch.zeros_like(ids)]


def schedule(margins):
    """An `epoch` that gives the model these margins, one after the other, in place; and how often it was called."""
    calls = []

    def epoch(model):
        model.margin.data.fill_(margins[len(calls)])
        calls.append(model.training)

    return epoch, calls


@few
@given(seeds)
def test_a_second_evaluation_gives_the_same(seed):
    """Of a model in training mode, two evaluations agree to the last digit."""
    model, rows = settled(Net(), seed).train(), texts(seed, 5, 9)
    agrees(evaluate(model, rows), evaluate(model, rows))


@few
@given(seeds)
def test_evaluation_teaches_nothing(seed):
    """Buffers, such as the running means of batch norm, are afterwards what they were."""
    model = settled(Net(), seed).train()
    before = model.norm.running_mean.clone()
    evaluate(model, texts(seed, 5, 9))
    agrees(model.norm.running_mean, before)


@few
@given(seeds)
def test_the_mode_is_given_back(seed):
    """A model comes out in the mode in which it came, and so do its modules."""
    for training in (True, False):
        model = settled(Net(), seed).train(training)
        evaluate(model, texts(seed, 4))
        agrees([module.training for module in model.modules()], [training] * len(list(model.modules())))


@given(seeds, lists(integers(2, 6), min_size=1, max_size=3))
def test_each_row_has_its_mean_and_its_count(seed, lengths):
    """Of a model in evaluation mode: the mean of -log p of the ids after the first, and how many they are."""
    model, rows = settled(Net(), seed).eval(), texts(seed, *lengths)
    losses, counts = evaluate(model, rows)
    for ids, loss in zip(rows, losses, strict=True):
        p = model(ids[None])[0].detach().softmax(-1)
        agrees(loss, -sum(float(p[t, ids[t + 1]].log()) for t in range(len(ids) - 1)) / (len(ids) - 1), rtol=1e-4)
    agrees(counts, [length - 1 for length in lengths])


@given(scored)
def test_perplexity_is_exp_of_the_mean_over_all_predictions(rows):
    """Written out, one loss for each prediction, the perplexity is exp of their mean."""
    every = [loss for loss, count in rows for _ in range(count)]
    agrees(perplexity(*map(list, zip(*rows, strict=True))), math.exp(sum(every) / len(every)))


@few
@given(floats(0, 3), floats(0, 3), integers(1, 5), integers(1, 5))
def test_a_row_may_be_cut_in_two(loss, other, count, more):
    """Rows that are joined to one, with the mean of both, leave the perplexity as it was."""
    joined = (loss * count + other * more) / (count + more)
    agrees(perplexity([loss, other], [count, more]), perplexity([joined], [count + more]))


@few
@given(scored)
def test_an_empty_row_counts_for_nothing(rows):
    """A row without predictions, whatever its loss, changes nothing."""
    losses, counts = map(list, zip(*rows, strict=True))
    agrees(perplexity([*losses, 2.5], [*counts, 0]), perplexity(losses, counts))


@few
@given(seeds)
def test_what_is_remembered_does_not_move(seed):
    """Training that goes on, in place, changes neither parameters nor buffers of the best model."""
    model, best = settled(Net(), seed), Best()
    best.offer(1.0, model)
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)
    for name, value in model.state_dict().items():
        agrees(best.state[name] + 1, value)


@few
@given(lists(integers(0, 5), min_size=1, max_size=6))
def test_only_a_lower_score_is_an_improvement(scores):
    """An offer is taken if it is lower than all before; the lowest is remembered."""
    best, found = Best(), [min([math.inf, *scores[:place]]) > score for place, score in enumerate(scores)]
    agrees([best.offer(float(score), nn.Linear(1, 1)) for score in scores], found)
    agrees(best.score, float(min(scores)))


@few
@given(lists(integers(0, 5), min_size=1, max_size=8), integers(1, 3))
def test_fit_stops_when_nothing_improves(margins, patience):
    """It ends after `patience` epochs without a new best, and at the latest after `most`."""
    epoch, calls = schedule(margins)
    fit(Uniform(), epoch, [torch.zeros(3, dtype=torch.int64)], patience, len(margins))
    waited, expected = 0, 0
    while expected < len(margins) and waited < patience:
        waited = 0 if margins[expected] > max([-1, *margins[:expected]]) else waited + 1
        expected += 1
    agrees(len(calls), expected)


@few
@given(lists(integers(0, 5), min_size=1, max_size=8), integers(1, 3))
def test_fit_leaves_the_best_model(margins, patience):
    """The model that is left has the perplexity that is returned, the lowest of all epochs that were tried."""
    (epoch, calls), model, rows = schedule(margins), Uniform(), [torch.zeros(3, dtype=torch.int64)]
    score = fit(model, epoch, rows, patience, len(margins))
    agrees(model.margin.item(), float(max(margins[: len(calls)])))
    agrees(score, 1 + (VOCABULARY - 1) * math.exp(-model.margin.item()), rtol=1e-5)


@few
@given(integers(1, 4))
def test_every_epoch_trains_in_training_mode(most):
    """A model that came in training mode is in it at the beginning of every epoch."""
    epoch, calls = schedule(list(range(most)))
    fit(Uniform().train(), epoch, [torch.zeros(3, dtype=torch.int64)], 9, most)
    agrees(calls, [True] * most)
