from itertools import islice

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, text

from exercises.debug_windows.debug_windows import IGNORED, batches, examples, window
from grader.kit import agrees, seeds

forbids = []

few = settings(max_examples=10)
CHARACTERS = "\nabc"
names = text(CHARACTERS, max_size=14)


def rows(count):
    """Inputs and targets that say which row they are."""
    number = torch.arange(count)[:, None]
    return number.repeat(1, 2), 100 + number.repeat(1, 3)


def orders(count, size, epochs, seed):
    """The numbers of the rows, [epochs, rows], in the order in which they come."""
    return torch.cat([inputs[:, 0] for inputs, _ in batches(rows(count), size, epochs, seed)]).view(epochs, count)


@given(names)
def test_every_line_fits_and_one_just_so(text):
    """The window is the length of the longest line and one more."""
    agrees(window(text), max(map(len, text.split("\n"))) + 1)


@few
@given(names)
def test_a_longer_line_needs_a_longer_window(text):
    """A line that is longer by three than all others makes the window longer by three."""
    agrees(window(text + "\n" + "a" * (window(text) - 1 + 3)), window(text) + 3)


@given(names)
def test_each_place_asks_for_the_next_character(text):
    """Row by row: a line break and the line go in, the line and a line break are asked for."""
    length = max(map(len, text.split("\n"))) + 1
    inputs, targets = examples(text, CHARACTERS, length)
    for line, given_ids, asked in zip(text.split("\n"), inputs, targets, strict=True):
        agrees(given_ids[: len(line) + 1], torch.tensor([CHARACTERS.index(c) for c in "\n" + line]))
        agrees(asked[: len(line) + 1], torch.tensor([CHARACTERS.index(c) for c in line + "\n"]))


@few
@given(names, integers(1, 9))
def test_nothing_is_asked_behind_the_end(text, spare):
    """Where a line is over, targets are IGNORED, however long the window."""
    _, targets = examples(text, CHARACTERS, 14 + spare)
    for line, asked in zip(text.split("\n"), targets, strict=True):
        assert (asked[len(line) + 1 :] == IGNORED).all()


@few
@given(names)
def test_every_character_is_asked_for_once(text):
    """The targets that count are as many as the characters of the text, with a line break for the last line."""
    _, targets = examples(text, CHARACTERS, 15)
    agrees(int((targets != IGNORED).sum()), len(text) + 1)


@few
@given(names, integers(1, 6))
def test_a_line_that_does_not_fit_is_cut(text, length):
    """A short window holds the first places of a long one, and every input is a valid id."""
    inputs, targets = examples(text, CHARACTERS, length)
    _, whole = examples(text, CHARACTERS, 15)
    is_asked = whole[:, :length] != IGNORED
    agrees(targets[is_asked], whole[:, :length][is_asked])
    agrees(inputs.shape, targets.shape)
    assert ((inputs >= 0) & (inputs < len(CHARACTERS))).all()


@given(integers(1, 9), integers(1, 5), integers(1, 3), seeds)
def test_every_row_comes_once_in_an_epoch(count, size, epochs, seed):
    """Each epoch is a permutation of all rows."""
    agrees(orders(count, size, epochs, seed).sort(-1).values, torch.arange(count).expand(epochs, count))


@few
@given(integers(1, 9), integers(1, 5), integers(0, 3), seeds)
def test_rows_keep_their_targets_and_batches_their_size(count, size, epochs, seed):
    """Inputs come with their targets, `size` rows at a time and at the end of an epoch the rest."""
    found = list(batches(rows(count), size, epochs, seed))
    sizes = [len(part) for part in torch.arange(count).split(size)]
    agrees([len(inputs) for inputs, _ in found], sizes * epochs)
    assert all((inputs[:, :1] + 100 == targets).all() for inputs, targets in found)


@few
@given(seeds)
def test_epochs_differ_in_their_order(seed):
    """Of eight epochs over twenty rows no two have the same order."""
    assert len({tuple(order) for order in orders(20, 3, 8, seed).tolist()}) == 8


@few
@given(seeds)
def test_the_seed_decides_all_orders(seed):
    """The same seed gives the same epochs, another seed others, and the global generator is not asked."""
    before = torch.get_rng_state()
    first, again, other = (orders(20, 3, 2, s) for s in (seed, seed, (seed + 1) % 2**32))
    agrees(first, again)
    assert (first != other).any()
    agrees(torch.get_rng_state(), before)


@few
@given(seeds, integers(1, 4))
def test_a_longer_run_begins_like_a_short_one(seed, epochs):
    """The orders of the first epochs do not depend on how many follow."""
    short = [inputs for inputs, _ in batches(rows(7), 2, epochs, seed)]
    for one, other in zip(short, islice(batches(rows(7), 2, 9, seed), len(short)), strict=True):
        agrees(other[0], one)
