from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers
from torch.nn import functional as F

from exercises.debug_lm.debug_lm import LanguageModel, generate, loss
from grader.kit import agrees, normal, quarters, seeds, settled

forbids = []

few = settings(max_examples=8)
VOCABULARY, POSITIONS = 11, 8


@composite
def texts(draw, shortest=2):
    """Ids, [batch, time]."""
    batch, time, generator = draw(integers(1, 3)), draw(integers(shortest, POSITIONS)), torch.Generator()
    return torch.randint(VOCABULARY, (batch, time), generator=generator.manual_seed(draw(seeds)))


def drawn(seed):
    """A small model whose parameters follow from the seed."""
    return settled(LanguageModel(VOCABULARY, POSITIONS, 8, 2), seed)


def by_definition(model, ids):
    """One position after another, each shown only what has come so far."""
    x = model.tokens(ids) + model.places.weight[: ids.shape[1]]
    found = [model.mixer(x[:, t : t + 1], x[:, : t + 1], x[:, : t + 1])[0] for t in range(ids.shape[1])]
    return model.head(model.norm(x + torch.cat(found, dim=1)))


class Follows:
    """A model that is sure of one thing: after i comes i + 1. It remembers the longest text that it was shown."""

    positions, longest = 4, 0

    def __call__(self, ids):
        self.longest = max(self.longest, ids.shape[1])
        return 100.0 * F.one_hot((ids + 1) % VOCABULARY, VOCABULARY)


@few
@given(seeds, texts())
def test_the_future_changes_nothing(seed, ids):
    """A later id, whatever it is, leaves the outputs of all earlier positions as they were."""
    model = drawn(seed)
    other = ids.clone()
    other[:, -1] = (other[:, -1] + 1) % VOCABULARY
    agrees(model(other)[:, :-1], model(ids)[:, :-1])


@few
@given(seeds, integers(2, 6))
def test_mix_hides_what_comes_later(seed, time):
    """What `mix` returns for the first positions is what it returns when the others are cut off."""
    model, x = drawn(seed), quarters(seed, 2, time, 8)
    agrees(model.mix(x)[:, :-1], model.mix(x[:, :-1]))


@few
@given(seeds, texts(), integers(2, 9))
def test_outputs_are_logits(seed, ids, factor):
    """Where the head's weights and biases are larger by a factor, so are the outputs."""
    model = drawn(seed)
    before = model(ids)
    with torch.no_grad():
        model.head.weight.mul_(factor)
        model.head.bias.mul_(factor)
    agrees(model(ids), factor * before, rtol=1e-4)


@few
@given(seeds, texts())
def test_the_model_is_what_the_brief_says(seed, ids):
    """The logits are those of token plus place, attention over what has come so far, norm and head."""
    model = drawn(seed)
    agrees(model(ids), by_definition(model, ids), atol=1e-4)


@given(seeds, integers(1, 3), integers(2, 9))
def test_each_id_is_predicted_from_the_one_before(seed, batch, time):
    """For a model that looks up a row of logits by id, the loss is the mean of -log p(next id) over all pairs."""
    table, ids = normal(seed, VOCABULARY, VOCABULARY), quarters(seed, batch, time).abs().mul(4).long()
    p = table.softmax(-1)
    pairs = [-p[before, after].log() for row in ids for before, after in pairwise(row)]
    agrees(loss(lambda seen: table[seen], ids), torch.stack(pairs).mean())


@few
@given(integers(0, VOCABULARY - 1), integers(2, 9))
def test_whoever_knows_what_follows_pays_nothing(start, time):
    """A model that is sure of the right next id has a loss of zero."""
    agrees(loss(Follows(), ((start + torch.arange(time)) % VOCABULARY)[None]), torch.tensor(0.0))


@few
@given(integers(0, VOCABULARY - 1), integers(2, 9))
def test_whoever_repeats_what_it_saw_pays(start, time):
    """A model that is sure that everything repeats has a loss of 100 where nothing does."""
    ids = ((start + torch.arange(time)) % VOCABULARY)[None]
    agrees(loss(lambda seen: 100.0 * F.one_hot(seen, VOCABULARY), ids), torch.tensor(100.0))


@few
@given(integers(0, VOCABULARY - 1), integers(1, 6), integers(0, 6))
def test_generation_appends_the_likeliest(start, time, steps):
    """A model that is sure of i + 1 counts on, and is never shown more than it can hold."""
    model, ids = Follows(), ((start + torch.arange(time)) % VOCABULARY)[None]
    agrees(generate(model, ids, steps), ((start + torch.arange(time + steps)) % VOCABULARY)[None])
    assert (model.longest <= model.positions, ids.shape[1]) == (True, time)


@few
@given(seeds, texts(shortest=1), integers(1, 4))
def test_generation_goes_on_from_the_end(seed, ids, steps):
    """Each id that is appended is the one to which the model's last position gives the most."""
    model = drawn(seed)
    longer = generate(model, ids, steps)
    agrees(longer[:, -1], model(longer[:, :-1][:, -POSITIONS:])[:, -1].argmax(-1))
