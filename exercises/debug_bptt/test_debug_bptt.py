import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers

from exercises.debug_bptt.debug_bptt import CharacterModel, accumulate, streams
from grader.kit import agrees, seeds, settled

forbids = []

few = settings(max_examples=8)
VOCABULARY = 7


@composite
def texts(draw, shortest=2):
    """Ids, [batch, time]."""
    batch, time, generator = draw(integers(1, 3)), draw(integers(shortest, 9)), torch.Generator()
    return torch.randint(VOCABULARY, (batch, time), generator=generator.manual_seed(draw(seeds)))


def drawn(seed):
    """A small model whose parameters follow from the seed."""
    return settled(CharacterModel(VOCABULARY, 4), seed)


def gradients(model):
    return torch.cat([parameter.grad.flatten() for _, parameter in sorted(model.named_parameters())])


def by_definition(model, ids, length):
    """Chunks, each from a state that has no history: the sum of -log p over the number of predictions, for `backward`."""
    state, losses = None, []
    for chunk in torch.arange(ids.shape[1] - 1).split(length):
        logits, state = model(ids[:, chunk], None if state is None else state.detach())
        losses.append(-logits.log_softmax(-1).gather(-1, ids[:, chunk + 1, None]).sum())
    return sum(losses) / ids[:, 1:].numel()


@given(integers(1, 5), integers(1, 40))
def test_a_row_is_a_stretch_of_the_text(batch, characters):
    """Row r holds the r-th of `batch` equal stretches, in the order of the text."""
    characters = max(batch, characters)
    time = characters // batch
    expected = [[r * time + t for t in range(time)] for r in range(batch)]
    agrees(streams(torch.arange(characters), batch), torch.tensor(expected))


@few
@given(integers(1, 5), integers(1, 8))
def test_rows_joined_are_the_text(batch, time):
    """Where nothing is left over, the rows one after the other are the text."""
    text = torch.arange(batch * time)
    agrees(streams(text, batch).flatten(), text)


@given(seeds, texts())
def test_rows_do_not_know_one_another(seed, ids):
    """A row alone gets the logits and the state that it gets in a batch."""
    model = drawn(seed)
    logits, state = model(ids)
    for row in range(len(ids)):
        alone, last = model(ids[row : row + 1])
        agrees(alone, logits[row : row + 1])
        agrees(last, state[:, row : row + 1])


@few
@given(seeds, texts(), integers(1, 8))
def test_a_text_can_be_read_in_two_parts(seed, ids, first):
    """Reading on from the returned state gives what reading all at once gives."""
    model, first = drawn(seed), min(first, ids.shape[1] - 1)
    logits, state = model(ids[:, :first])
    rest, last = model(ids[:, first:], state)
    agrees(torch.cat([logits, rest], dim=1), model(ids)[0])
    agrees(last, model(ids)[1])


@few
@given(seeds, texts())
def test_the_logits_are_those_of_the_cell(seed, ids):
    """At each position the head reads the state of the cell, which was fed one character after another."""
    model, state, expected = drawn(seed), None, []
    for t in range(ids.shape[1]):
        _, state = model.cell(model.embed(ids[:, t])[None], state)
        expected.append(model.head(state[0]))
    agrees(model(ids)[0], torch.stack(expected, dim=1))


@given(seeds, texts(), integers(1, 9))
def test_no_gradient_leaves_its_chunk(seed, ids, length):
    """The gradients are those of chunks whose first state is a constant."""
    model, other = drawn(seed), drawn(seed)
    by_definition(other, ids, length).backward()
    accumulate(model, ids, length)
    agrees(gradients(model), gradients(other))


@few
@given(seeds, texts())
def test_one_chunk_is_all_of_backpropagation(seed, ids):
    """A chunk as long as the text gives the whole gradient, and longer ones no other."""
    model, other = drawn(seed), drawn(seed)
    accumulate(model, ids, ids.shape[1] - 1)
    accumulate(other, ids, 100)
    agrees(gradients(model), gradients(other))


@few
@given(seeds, texts(), integers(1, 9))
def test_the_mean_over_all_predictions_is_returned(seed, ids, length):
    """The result is the mean loss of all characters but the first ones, however the text is cut."""
    model = drawn(seed)
    agrees(accumulate(model, ids, length), by_definition(model, ids, length).item(), rtol=1e-5)


@few
@given(seeds, texts(), integers(1, 9))
def test_gradients_are_added(seed, ids, length):
    """A second pass adds to what the first one left."""
    model = drawn(seed)
    accumulate(model, ids, length)
    once = gradients(model)
    accumulate(model, ids, length)
    agrees(gradients(model), 2 * once)
