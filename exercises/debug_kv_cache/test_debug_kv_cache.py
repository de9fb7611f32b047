import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers
from torch.nn import functional as F

from exercises.debug_kv_cache.debug_kv_cache import CachedModel, allowed, generate, positions
from grader.kit import agrees, seeds, settled

forbids = []

few = settings(max_examples=10)
VOCABULARY, LONGEST, WIDTH = 11, 12, 3


@composite
def texts(draw, shortest=2):
    """Ids, [batch, time]."""
    batch, time, generator = draw(integers(1, 3)), draw(integers(shortest, 8)), torch.Generator()
    return torch.randint(VOCABULARY, (batch, time), generator=generator.manual_seed(draw(seeds)))


def drawn(seed):
    """A small model whose parameters follow from the seed."""
    return settled(CachedModel(VOCABULARY, LONGEST, WIDTH), seed)


def by_definition(model, ids):
    """Without a cache: position by position, over all keys so far."""
    x = model.tokens(ids) + model.places.weight[: ids.shape[1]]
    q, k, v = model.query(x), model.key(x), model.value(x)
    rows = []
    for t in range(ids.shape[1]):
        weights = ((k[:, : t + 1] @ q[:, t, :, None]).squeeze(-1) / WIDTH**0.5).softmax(-1)
        rows.append(model.head(x[:, t] + (weights[:, :, None] * v[:, : t + 1]).sum(1)))
    return torch.stack(rows, dim=1)


class CountsOn:
    """Sure that after i comes i + 1; its cache is what it was shown, which it also keeps for us."""

    def __init__(self):
        self.shown = []

    def __call__(self, ids, cache=None):
        self.shown.append(ids)
        seen = ids if cache is None else torch.cat([cache, ids], dim=1)
        return 100.0 * F.one_hot((ids + 1) % VOCABULARY, VOCABULARY), seen


@few
@given(integers(0, 9), integers(1, 9))
def test_positions_go_on_where_they_ended(past, time):
    """What is cached and what is new are numbered through from 0."""
    agrees(positions(past, time), torch.arange(past + time)[past:])


@few
@given(integers(1, 9), integers(1, 9))
def test_no_position_is_given_twice(first, second):
    """The numbers of two pieces, one after the other, are those of the whole."""
    agrees(torch.cat([positions(0, first), positions(first, second)]), positions(0, first + second))


@given(integers(0, 6), integers(1, 6))
def test_a_new_position_sees_the_past_and_itself(past, time):
    """The new position i sees the keys 0 to past + i."""
    agrees(allowed(past, time), torch.tensor([[key <= past + i for key in range(past + time)] for i in range(time)]))


@few
@given(integers(1, 6), integers(2, 6))
def test_a_chunk_has_the_last_rows_of_the_whole_mask(past, time):
    """The rows of new positions are those that they have in the mask of the whole text."""
    agrees(allowed(past, time), allowed(0, past + time)[past:])


@few
@given(seeds, texts(shortest=1))
def test_without_a_cache_it_is_causal_attention(seed, ids):
    """In one call the logits are those of attention over all that has come so far."""
    model = drawn(seed)
    agrees(model(ids)[0], by_definition(model, ids), atol=1e-4)


@given(seeds, texts(shortest=3), integers(1, 6))
def test_a_text_may_be_cut_in_two(seed, ids, first):
    """A second piece of several ids behind the cache of the first has the logits that it has in the whole."""
    model, first = drawn(seed), min(first, ids.shape[1] - 2)
    _, cache = model(ids[:, :first])
    agrees(model(ids[:, first:], cache)[0], by_definition(model, ids)[:, first:], atol=1e-4)


@few
@given(seeds, texts())
def test_ids_may_come_one_by_one(seed, ids):
    """One id at a time gives the logits of the whole."""
    model, cache, found = drawn(seed), None, []
    for column in ids.split(1, dim=1):
        logits, cache = model(column, cache)
        found.append(logits)
    agrees(torch.cat(found, dim=1), by_definition(model, ids), atol=1e-4)


@few
@given(seeds, texts(), integers(1, 7))
def test_a_cache_can_be_used_again(seed, ids, first):
    """Handing in a cache does not change it: a second call gives the same."""
    model, first = drawn(seed), min(first, ids.shape[1] - 1)
    _, cache = model(ids[:, :first])
    before = [part.clone() for part in cache]
    agrees(model(ids[:, first:], cache)[0], model(ids[:, first:], cache)[0])
    for part, old in zip(cache, before, strict=True):
        agrees(part, old)


@few
@given(seeds, texts())
def test_the_cache_holds_keys_and_values_in_order(seed, ids):
    """After two pieces it has as many rows as ids, those of the first piece in front."""
    model = drawn(seed)
    _, first = model(ids[:, :1])
    _, cache = model(ids[:, 1:], first)
    for part, old in zip(cache, first, strict=True):
        agrees(tuple(part.shape), (*ids.shape, WIDTH))
        agrees(part[:, :1], old)


@few
@given(integers(0, VOCABULARY - 1), integers(1, 5), integers(0, 6))
def test_every_id_is_shown_once(start, time, steps):
    """First the prompt and then each new id goes in, the last one perhaps not."""
    model, ids = CountsOn(), ((start + torch.arange(time)) % VOCABULARY)[None]
    found = generate(model, ids, steps)
    agrees(found, ((start + torch.arange(time + steps)) % VOCABULARY)[None])
    shown = torch.cat([ids[:, :0], *model.shown], dim=1)
    agrees(shown, found[:, : shown.shape[1]])


@few
@given(seeds, texts(), integers(1, 3))
def test_generation_is_that_of_a_cache_which_remembers_all(seed, ids, steps):
    """A stand-in whose cache is the text itself generates what it would without one."""
    table = settled(torch.nn.Embedding(VOCABULARY, VOCABULARY), seed).weight

    def model(new, cache=None):
        seen = new if cache is None else torch.cat([cache, new], dim=1)
        return table[seen].cumsum(1)[:, -new.shape[1] :], seen

    expected = ids
    for _ in range(steps):
        expected = torch.cat([expected, table[expected].sum(1).argmax(1)[:, None]], dim=1)
    agrees(generate(model, ids, steps), expected)
