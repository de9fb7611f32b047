import math
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, floats, integers, permutations, sampled_from, text
from torch import nn
from torch.nn import functional as F

from exercises.char_rnn.char_rnn import CharRNN, bits_per_character, load, sample, save, train, windows
from exercises.char_rnn.given import Config
from exercises.char_rnn.given import text as real_text
from grader.kit import agrees, costly, gradients, normal, refuses, scattered, seeds

forbids = []

few = settings(max_examples=6)
once = settings(max_examples=1)
alphabets = permutations("abcde").map("".join)
words = text("abcde", min_size=2, max_size=8)
TINY = Config(width=16, streams=2, window=3, learning_rate=0.02)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def new(seed, alphabet="abcde", width=16):
    torch.manual_seed(seed)
    return CharRNN(alphabet, width)


def moved(seed, alphabet="abcde", width=16):
    """A model that is no longer new, for evaluation: a new one's head may well be zeros, and it may have dropout."""
    model = new(seed, alphabet, width)
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter += 0.2 * normal(seed + number, *parameter.shape)
    return model.eval()


def ids(seed, *shape, size=5):
    return torch.randint(size, shape, generator=seeded(seed))


def letters(seed, length):
    return "".join("abcde"[i] for i in ids(seed, length).tolist())


class Sums(nn.Module):
    """Its state is the sum of all ids that it has read, and the next one is that sum, modulo V, with a logit of `sure`."""

    def __init__(self, alphabet, sure):
        super().__init__()
        self.alphabet, self.sure, self.calls = alphabet, sure, []

    def forward(self, ids, state=None):
        self.calls.append((ids.shape[1], self.training, torch.is_grad_enabled()))
        sums = ids.cumsum(1) + (0 if state is None else state["sum"][:, None])
        return self.sure * F.one_hot(sums % len(self.alphabet), len(self.alphabet)).float(), {"sum": sums[:, -1]}


class Always(nn.Module):
    """A model that gives the same probabilities, whatever it reads."""

    def __init__(self, alphabet, shares):
        super().__init__()
        self.alphabet, self.logits = alphabet, torch.tensor(shares).log()

    def forward(self, ids, state=None):
        return self.logits.expand(*ids.shape, -1), state


def continued(alphabet, prompt, length):
    """What `Sums` says after a prompt."""
    numbers = [alphabet.index(character) for character in prompt]
    for _ in range(length):
        numbers.append(sum(numbers) % len(alphabet))
    return "".join(alphabet[number] for number in numbers[len(prompt) :])


def bits_by_hand(alphabet, text, sure):
    """What `Sums` has to pay for a text: for each character but the first, by whether it is the sum of those before."""
    numbers, right, total = [alphabet.index(character) for character in text], 0, 0
    for number, following in pairwise(numbers):
        total += number
        right += total % len(alphabet) == following
    every = math.log2(math.exp(sure) + len(alphabet) - 1)
    return every - right / (len(text) - 1) * sure / math.log(2)


# CharRNN --------------------------------------------------------------------------------------------------------------


@few
@given(seeds, alphabets, integers(1, 3), integers(1, 4))
def test_there_are_logits_for_every_character_at_every_position(seed, alphabet, batch, time):
    """Logits are float32 [batch, time, V], and the model knows its alphabet."""
    model = new(seed, alphabet)
    logits, _ = model(ids(seed, batch, time))
    assert (logits.shape, logits.dtype, model.alphabet) == ((batch, time, 5), torch.float32, alphabet)


@few
@given(seeds, integers(1, 3), integers(1, 3), integers(1, 3))
def test_a_text_may_be_read_in_parts(seed, batch, first, second):
    """With the state that came back, a second call goes on as if there had been one."""
    model, read = moved(seed), ids(seed, batch, first + second)
    start, state = model(read[:, :first])
    agrees(torch.cat([start, model(read[:, first:], state)[0]], 1), model(read)[0])


@few
@given(seeds, integers(1, 3), integers(2, 4))
def test_no_position_sees_what_comes_later(seed, batch, time):
    """Other characters later in the text leave earlier logits as they are."""
    model, read = moved(seed), ids(seed, batch, time)
    agrees(model(read[:, :-1])[0], model(read)[0][:, :-1])


@few
@given(seeds, integers(2, 3), integers(1, 4))
def test_rows_do_not_know_of_one_another(seed, batch, time):
    """A row alone has the logits that it has in a batch."""
    model, read = moved(seed), ids(seed, batch, time)
    agrees(model(read[1:])[0], model(read)[0][1:])


@few
@given(seeds)
def test_what_was_read_before_counts(seed):
    """Two texts that differ in the first character alone do not have the same last logits."""
    model = moved(seed)
    one, other = (model(torch.tensor([[first, 1, 1]]))[0][0, -1] for first in (0, 2))
    assert (one - other).abs().max() > 1e-6


@few
@given(seeds)
def test_every_parameter_is_of_use(seed):
    """The logits depend on every parameter."""
    model = moved(seed)
    assert all(g.any() for g in gradients(model(ids(seed, 4, 9))[0], *model.parameters()))


@few
@given(seeds, integers(5, 60))
def test_a_new_model_is_nearly_undecided(seed, size):
    """Before training, the loss is within a tenth of ln V."""
    logits, _ = new(seed, "".join(map(chr, range(64, 64 + size))), 32)(ids(seed, 8, 9, size=size))
    loss = F.cross_entropy(logits.flatten(0, 1), ids(seed + 1, 72, size=size))
    agrees(loss.detach(), torch.tensor(math.log(size)), rtol=0.1, atol=0)


# windows --------------------------------------------------------------------------------------------------------------


@given(integers(1, 4), integers(1, 4), integers(2, 30))
def test_rows_are_stretches_of_the_text(streams, window, n):
    """Row r of all x, joined, is the r-th stretch of (n - 1) // streams characters."""
    n = max(n, streams + 1)
    length = (n - 1) // streams
    x = torch.cat([x for x, _ in windows(torch.arange(n), streams, window)], 1)
    agrees(x, torch.arange(streams * length).reshape(streams, length))


@few
@given(integers(1, 4), integers(1, 4), integers(2, 30))
def test_y_is_the_next_character_of_the_text(streams, window, n):
    """Every character of y is the one that follows x's in the text, at the end of a window and of a row too."""
    for x, y in windows(torch.arange(max(n, streams + 1)), streams, window):
        agrees(y, x + 1)


@few
@given(integers(1, 4), integers(1, 4), integers(2, 30))
def test_windows_have_their_length(streams, window, n):
    """All windows are `window` long, but the last, which may be shorter."""
    *full, last = (tuple(x.shape) for x, _ in windows(torch.arange(max(n, streams + 1)), streams, window))
    assert set(full) <= {(streams, window)}
    assert last[0] == streams
    assert 1 <= last[1] <= window


@few
@given(integers(1, 4), integers(1, 4), integers(0, 9))
def test_a_window_begins_where_the_last_one_ended(streams, window, more):
    """Each row of x begins with the character that comes after the last one of that row in the window before."""
    text = torch.arange(streams * (2 * window + 2) + 1 + more)
    for (before, _), (after, _) in pairwise(windows(text, streams, window)):
        agrees(after[:, 0], before[:, -1] + 1)


@few
@given(integers(1, 4), integers(1, 4), integers(2, 30))
def test_as_much_as_possible_is_read(streams, window, n):
    """All windows together have (n - 1) // streams characters in each row."""
    n = max(n, streams + 1)
    assert sum(x.shape[1] for x, _ in windows(torch.arange(n), streams, window)) == (n - 1) // streams


@few
@given(seeds, integers(1, 4))
def test_a_text_in_any_layout_is_cut_and_kept(seed, streams):
    """Ids with gaps in memory are cut like any other, and not modified; too few for the streams are refused."""
    whole, n = ids(seed, 13), streams
    view = scattered(whole)
    agrees(torch.cat([x for x, _ in windows(view, streams, 2)], 1), torch.cat([x for x, _ in windows(whole, streams, 2)], 1))
    agrees(view, whole)
    assert refuses(ValueError, windows, whole[:n], streams, 2)


# bits_per_character ---------------------------------------------------------------------------------------------------


@given(alphabets, words, floats(0.5, 4))
def test_bits_are_the_mean_cost_of_all_characters_but_the_first(alphabet, text, sure):
    """A text costs the mean of -log₂ of what the model, having read all before, gave each character."""
    agrees(bits_per_character(Sums(alphabet, sure), text), bits_by_hand(alphabet, text, sure), 1e-5, 1e-5)


@few
@given(seeds, integers(2, 5))
def test_a_model_that_knows_nothing_pays_the_logarithm_of_its_alphabet(seed, size):
    """Where all characters are equally likely, each costs log₂ V bits."""
    model = Always("abcde"[:size], [1.0] * size)
    agrees(bits_per_character(model, "abcde"[:size] * 2), math.log2(size), 1e-5, 1e-5)


@few
@given(words)
def test_the_mean_is_over_predictions(text):
    """Where nothing depends on what was read, predictions cost together what they cost one by one."""
    model = Always("abcde", [0.5, 0.2, 0.1, 0.1, 0.1])
    costs = [bits_per_character(model, text[:1] + character) for character in text[1:]]
    agrees(bits_per_character(model, text), sum(costs) / len(costs), 1e-5, 1e-5)


@settings(max_examples=2)
@given(seeds, integers(2_001, 2_500))
def test_the_state_is_carried_through_a_long_text(seed, n):
    """A text of more than 1,000 characters costs what it costs if all is read before each."""
    text = letters(seed, n)
    agrees(bits_per_character(Sums("abcde", 2.0), text), bits_by_hand("abcde", text, 2.0), 1e-4, 1e-4)


@settings(max_examples=2)
@given(integers(1_001, 2_500))
def test_a_long_text_is_read_in_parts(n):
    """No call reads more than 1,000 characters, and each is read once."""
    model = Sums("abcde", 2.0)
    bits_per_character(model, "a" * (n + 1))
    assert max(time for time, *_ in model.calls) <= 1_000
    assert n <= sum(time for time, *_ in model.calls) <= n + 1


@few
@given(booleans())
def test_bits_need_two_characters_of_the_alphabet(training):
    """One character, none, or an unknown one is a ValueError."""
    model = Sums("abc", 1.0).train(training)
    assert all(refuses(ValueError, bits_per_character, model, text) for text in ("", "a", "ax", "xab"))


# sample ---------------------------------------------------------------------------------------------------------------


@given(alphabets, words, integers(0, 6))
def test_a_sample_goes_on_from_the_whole_prompt(alphabet, prompt, length):
    """A model that is sure writes what follows from all that it has read, and the prompt is not repeated."""
    assert sample(Sums(alphabet, 1_000.0), prompt, length) == continued(alphabet, prompt, length)


@few
@given(words, integers(1, 6))
def test_every_character_is_read_once(prompt, length):
    """The model reads prompt and sample, but for its last character perhaps, once."""
    model = Sums("abcde", 1_000.0)
    sample(model, prompt, length)
    read = sum(time for time, *_ in model.calls)
    assert len(prompt) + length - 1 <= read <= len(prompt) + length


@settings(max_examples=3)
@given(seeds, sampled_from([0.5, 2.0, 1.0]))
def test_characters_come_as_often_as_the_temperature_says(seed, temperature):
    """Over many draws, shares are in proportion to the probabilities to the power of 1 / temperature."""
    drawn = sample(Always("abc", [0.6, 0.3, 0.1]), "a", 1_000, temperature, seeded(seed))
    right = torch.tensor([0.6, 0.3, 0.1]) ** (1 / temperature)
    shares = torch.tensor([drawn.count(character) / 1_000 for character in "abc"])
    agrees(shares, right / right.sum(), atol=0.12, rtol=0)  # by chance off by more: at most 6e-13, by Hoeffding


@few
@given(seeds, seeds)
def test_the_generator_alone_draws(seed, other):
    """The same generator draws the same text, whatever torch's own one did; without one, torch's own decides."""
    model, texts = Always("abcde", [0.2] * 5), []
    for source in (seeded(seed), seeded(seed), None, None):
        torch.manual_seed(other + min(len(texts), 2))
        texts.append(sample(model, "a", 40, generator=source))
    assert (texts[0], texts[2]) == (texts[1], texts[3])
    assert texts[0] != texts[2]


@few
@given(seeds)
def test_the_temperature_is_one_by_default(seed):
    """Without a temperature, the same generator draws what it draws at 1."""
    model = Always("abcde", [0.4, 0.3, 0.15, 0.1, 0.05])
    assert sample(model, "a", 60, generator=seeded(seed)) == sample(model, "a", 60, 1.0, seeded(seed))


@few
@given(sampled_from([0.0, -1.0, float("nan")]))
def test_a_sample_needs_a_prompt_and_a_temperature(temperature):
    """An empty prompt, an unknown character, or a temperature that is not above 0 raises ValueError."""
    model = Sums("abc", 1.0)
    assert all(refuses(ValueError, sample, model, prompt, 3) for prompt in ("", "x", "ax"))
    assert refuses(ValueError, sample, model, "a", 3, temperature)


@few
@given(booleans(), booleans())
def test_models_are_read_in_evaluation_and_come_back(training, samples):
    """Neither score nor sample builds a graph or trains, and the mode of the model is afterwards what it was."""
    model = Sums("abc", 1.0).train(training)
    sample(model, "ab", 3) if samples else bits_per_character(model, "abc")
    assert model.training == training
    assert not any(trains or graph for _, trains, graph in model.calls)


# save, load -----------------------------------------------------------------------------------------------------------


def saved(model):
    """The model after a way through a file that was there before."""
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.pt")
        Path(path).write_text("an old file", encoding="utf-8")
        save(model, path)
        return load(path).eval()


@few
@given(seeds, alphabets, integers(4, 20))
def test_a_loaded_model_is_the_saved_one(seed, alphabet, width):
    """After save and load, logits are the same."""
    model, read = moved(seed, alphabet, width), ids(seed, 2, 5)
    agrees(saved(model)(read)[0], model(read)[0])


@few
@given(seeds, alphabets)
def test_a_loaded_model_has_its_alphabet(seed, alphabet):
    """After save and load, every id means the character that it meant."""
    assert saved(new(seed, alphabet)).alphabet == alphabet


@few
@given(seeds)
def test_saving_changes_nothing(seed):
    """A model that was saved gives the logits that it gave before."""
    model, read = moved(seed), ids(seed, 2, 5)
    before = model(read)[0]
    saved(model)
    agrees(model(read)[0], before)


class Trap:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@once
@given(seeds)
def test_a_file_that_would_run_code_is_refused(seed):
    """A pickle that does something is an error, and is not run."""
    with TemporaryDirectory() as folder:
        path, trace = os.path.join(folder, "model.pt"), os.path.join(folder, "trace")
        torch.save({"alphabet": Trap(trace)}, path)
        assert refuses(Exception, load, path)
        assert not os.path.exists(trace)


# train ----------------------------------------------------------------------------------------------------------------


@costly
@settings(max_examples=2)
@given(words, integers(0, 2**31))
def test_the_seed_decides_the_weights(text, seed):
    """Two runs with one configuration give one model, whatever was drawn before; another seed gives another."""
    models = [train(("ab" + text) * 3, replace(TINY, seed=number)) for number in (seed, seed, seed + 1)]
    logits = [model.eval()(torch.zeros(1, 4, dtype=torch.int64))[0].detach() for model in models]
    agrees(logits[1], logits[0])
    assert not torch.equal(logits[2], logits[0])


@costly
@once
@given(seeds)
def test_the_alphabet_is_that_of_the_text(seed):
    """The alphabet holds every character of the text once, sorted; too short a text is refused."""
    assert train("banana band", TINY).alphabet == " abdn"
    assert refuses(ValueError, train, "ab", TINY)


@costly
@once
@given(integers(0, 2**31))
def test_the_state_is_carried_between_windows(seed):
    """In windows of a single character, a text in which the next one depends on the last two is learned all the same."""
    config = replace(TINY, window=1, streams=4, passes=2, learning_rate=0.01)
    runs = (train("aab" * 160, replace(config, seed=seed + again)) for again in range(3))  # one may be unlucky
    assert any(bits_per_character(model, "aab" * 20) < 0.6 for model in runs)  # 2/3 is the least for who forgets


@costly
@once
@given(seeds)
def test_chance_is_not_taken_for_a_rule(seed):
    """In a text drawn at random no next character can be known, and a trained model pays hardly more than log₂ V for one."""
    config = replace(TINY, streams=4, window=4, grad_clip=1e6)  # a small bound would hide steps that go too far
    model = train(letters(seed, 2_400), config)
    assert bits_per_character(model, letters(seed + 1, 400)) < 3.2  # log₂ 5 is 2.3


def pairs_table(text, held_out):
    """The bits per character of held-out text under a table of the pairs that were counted in `text`, slightly smoothed."""
    alphabet = sorted(set(text))
    table = torch.full((len(alphabet), len(alphabet)), 0.1)
    counted, asked = (torch.tensor([alphabet.index(character) for character in part]) for part in (text, held_out))
    table.index_put_((counted[:-1], counted[1:]), torch.tensor(1.0), accumulate=True)
    return -(table / table.sum(1, keepdim=True))[asked[:-1], asked[1:]].log2().mean().item()


@costly
@once
@given(seeds)
def test_it_beats_a_table_of_pairs(seed):
    """On held-out text, a trained model needs fewer bits than a table of the pairs of characters in the same text."""
    blocks = [real_text()[start : start + 1_000] for start in range(0, 120_000, 1_000)]
    learned = "".join(block for number, block in enumerate(blocks) if number % 12)
    held_out = "".join(character for block in blocks[::40] for character in block if character in learned)
    assert bits_per_character(train(learned, Config()), held_out) < pairs_table(learned, held_out)
