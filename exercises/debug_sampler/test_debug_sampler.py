import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from, text
from torch.nn import functional as F

from exercises.debug_sampler.debug_sampler import Vocabulary, opening, pick, sample
from grader.kit import agrees, normal, seeds

forbids = []

few = settings(max_examples=8)
letters = text("abcde\n", max_size=12)
strange = text("ÄÖ日本?", max_size=4)
DRAWS = 2**12  # a share of so many draws is off by 0.06 with a probability of at most 2 exp(-29), by Hoeffding


def dice(seed):
    return torch.Generator().manual_seed(seed)


class CountsOn:
    """A model that is sure: after id i comes i + 1, and after the last the first. It keeps the texts that it was shown."""

    def __init__(self, size, sure=1000.0):
        self.size, self.sure, self.shown = size, sure, []

    def __call__(self, ids):
        self.shown.append(ids[0].tolist())
        return self.sure * F.one_hot((ids + 1) % self.size, self.size)


@few
@given(letters, strange)
def test_ids_are_places_in_the_sorted_alphabet(known, unknown):
    """What is known is encoded by its place in the alphabet and decoded to itself; the rest is left out."""
    vocabulary = Vocabulary(known)
    expected = [sorted(set(known)).index(character) for character in known]
    agrees(vocabulary.encode(unknown + known + unknown), expected)
    agrees(vocabulary.decode(expected), known)


@few
@given(letters, strange)
def test_the_model_is_shown_only_ids_that_exist(known, prompt):
    """Whatever the prompt, the opening is not empty, and each of its ids is that of a character."""
    ids = opening(Vocabulary(known + "\n"), prompt)
    assert ids
    assert all(0 <= number < len(set(known + "\n")) for number in ids)


@few
@given(letters, strange)
def test_nothing_to_begin_with_means_a_line_break(known, prompt):
    """Where the prompt leaves no id, a line break comes first."""
    vocabulary = Vocabulary(known + "\n")
    agrees(opening(vocabulary, prompt), vocabulary.encode("\n"))


@few
@given(letters, letters)
def test_a_prompt_is_the_opening(known, prompt):
    """A prompt of known characters is the opening, and no line break is put before it."""
    vocabulary = Vocabulary(known + prompt + "\n")
    agrees(opening(vocabulary, prompt + "\n"), vocabulary.encode(prompt + "\n"))


@few
@given(seeds, sampled_from([0.5, 1.0, 2.0]))
def test_ids_come_as_often_as_their_probabilities_say(seed, temperature):
    """The shares of many draws are softmax(logits / temperature)."""
    logits = normal(seed, 4)
    drawn = pick(logits.expand(DRAWS, 4), temperature, dice(seed))
    agrees(F.one_hot(drawn, 4).float().mean(0), (logits / temperature).softmax(-1), atol=0.06)


@few
@given(seeds)
def test_another_seed_draws_another_text(seed):
    """Equal logits give each id its turn, in an order that the seed decides."""
    first, again, other = (pick(torch.zeros(64, 5), 1.0, dice(s)) for s in (seed, seed, seed + 1))
    agrees(first, again)
    assert first.unique().numel() == 5
    assert (first != other).any()


@few
@given(seeds, integers(1, 4), integers(1, 3))
def test_every_row_is_drawn_from_its_own_logits(seed, rows, columns):
    """Rows that are sure of different ids get these, whatever the leading axes."""
    sure = torch.randint(6, (rows, columns), generator=dice(seed))
    agrees(pick(1000.0 * F.one_hot(sure, 6), 1.0, dice(seed)), sure)


@few
@given(integers(1, 5), integers(1, 9), integers(0, 9), seeds)
def test_the_model_is_shown_the_end_of_the_text(window, prompt, steps, seed):
    """At each step it is shown the last ids, at most `window`, of prompt and new text together."""
    alphabet = "\nabcdefghijklmnopqr"
    model, vocabulary = CountsOn(len(alphabet)), Vocabulary(alphabet)
    whole = opening(vocabulary, alphabet[1 : 1 + prompt])  # the submission's own: a wrong one counts elsewhere
    first = len(whole)
    whole += [(whole[-1] + 1 + place) % len(alphabet) for place in range(steps)]
    sample(model, vocabulary, alphabet[1 : 1 + prompt], steps, window, 1.0, dice(seed))
    agrees(model.shown, [whole[max(0, stop - window) : stop] for stop in range(first, first + steps)])


@few
@given(integers(1, 5), integers(1, 9), integers(0, 9), seeds)
def test_only_new_characters_are_returned(window, prompt, steps, seed):
    """A model that counts on continues the prompt, which is not part of the result."""
    alphabet = "\nabcdefghijklmnopqr"
    found = sample(CountsOn(19), Vocabulary(alphabet), alphabet[1 : 1 + prompt], steps, window, 1.0, dice(seed))
    agrees(found, alphabet[1 + prompt : 1 + prompt + steps])


@few
@given(seeds)
def test_temperature_reaches_the_draw(seed):
    """A model that is fairly sure keeps to its order when cold, and wanders when hot."""
    alphabet, write = (
        "\nabcdefgh",
        lambda heat: sample(CountsOn(9, sure=5.0), Vocabulary(alphabet), "a", 40, 3, heat, dice(seed)),
    )
    order = ("bcdefgh\na" * 5)[:40]
    agrees(write(0.01), order)
    assert write(100.0) != order
