import math

import torch
from torch import nn
from torch.nn import functional as F

from exercises.char_rnn.given import Config
from grader.kit import Equivalent, instead_of
from solutions.char_rnn.char_rnn import CharRNN, _encode, _reading, load, sample, windows


def check(prompt, temperature):
    if not prompt or not temperature > 0:
        raise ValueError(prompt)


def nats(logits, y):
    return F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="sum").item()


def trained(text, config: Config, step):
    """The right frame; `step(model, optimizer, x, y, state)` returns the next state."""
    alphabet = "".join(sorted(set(text)))
    model = CharRNN(alphabet, config.width)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    for _ in range(config.passes):
        state = None
        for x, y in windows(_encode(text, alphabet), config.streams, config.window):
            state = step(model, optimizer, x, y, state)
    return model


def learn(model, optimizer, logits, y):
    optimizer.zero_grad()
    descend(model, optimizer, logits, y, grad_clip=1.0)


def descend(model, optimizer, logits, y, grad_clip):
    F.cross_entropy(logits.flatten(0, 1), y.flatten()).backward()
    nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    optimizer.step()


@instead_of("CharRNN.forward")
def ignores_the_state(self, ids, state=None):
    """The layer is called without the state, so each call begins a new text. In training every window starts from nothing,
    and in sampling, with one character a call, the model knows pairs of characters and no more."""
    states, state = self.recurrent(self.embedding(ids))
    return self.output(states), state


@instead_of("CharRNN.forward")
def runs_along_the_batch(self, ids, state=None):
    """torch's recurrent layers take time first unless told otherwise. Here rows are steps: a row of the batch reads the row
    above, and the characters of a text do not know each other. Every shape fits."""
    states, state = self.recurrent(self.embedding(ids).transpose(0, 1), state)
    return self.output(states.transpose(0, 1)), state


@instead_of("CharRNN.forward")
def skips_the_recurrent_layer(self, ids, state=None):
    """The output layer was put on the embedding, so the model is a table of pairs with a recurrent layer beside it that gets no
    gradient. A gradient of zero for a whole layer says so at once."""
    embedded = self.embedding(ids)
    return self.output(embedded), self.recurrent(embedded, state)[1]


@instead_of("windows")
def deals_the_text_out_like_cards(ids, streams, window):
    """reshape(length, streams) and a transpose gives each row every streams-th character. A stretch of a text is a row of
    reshape(streams, length)."""
    length = (len(ids) - 1) // streams
    if length < 1:
        raise ValueError(len(ids))
    x, y = (ids[start : start + streams * length].reshape(length, streams).T for start in (0, 1))
    return list(zip(x.split(window, 1), y.split(window, 1), strict=True))


@instead_of("windows")
def predicts_the_character_itself(ids, streams, window):
    """y is x, without the shift. The loss falls to nothing within a minute, since the answer is in the question; the
    samples repeat one character."""
    return [(x, x.clone()) for x, _ in windows(ids, streams, window)]


@instead_of("windows")
def loses_the_target_at_the_border(ids, streams, window):
    """Each window is cut first and split into x and y afterwards, so its last character is never an input in it: what
    follows it is not predicted, and the carried state has not read it."""
    length = len(ids) // streams
    if length < 2:
        raise ValueError(len(ids))
    pieces = ids[: streams * length].reshape(streams, length).split(window + 1, 1)
    return [(piece[:, :-1], piece[:, 1:]) for piece in pieces if piece.shape[1] > 1]


@instead_of("windows")
def drops_the_short_window(ids, streams, window):
    """Only full windows are kept. The end of each stretch is never read."""
    batches = windows(ids, streams, window)
    return [(x, y) for x, y in batches if x.shape[1] == window] or batches


@instead_of("bits_per_character")
def counts_in_nats(model, text):
    """torch's losses use the natural logarithm. A bit is ln 2 of a nat, so this score is 31 per cent too low, and is
    then compared with the bits of a paper."""
    ids = _encode(text, model.alphabet)
    if len(ids) < 2:
        raise ValueError(text)
    total, state = 0.0, None
    with _reading(model):
        for x, y in zip(ids[:-1].split(1_000), ids[1:].split(1_000), strict=True):
            logits, state = model(x[None], state)
            total += nats(logits, y)
    return total / (len(ids) - 1)


@instead_of("bits_per_character")
def starts_every_chunk_anew(model, text):
    """A long text is scored in chunks, each from no state: a thousand characters on, the model is asked to predict the
    middle of a word as if it were the beginning of a text. Carry the state here as well."""
    ids = _encode(text, model.alphabet)
    if len(ids) < 2:
        raise ValueError(text)
    with _reading(model):
        pairs = zip(ids[:-1].split(1_000), ids[1:].split(1_000), strict=True)
        total = sum(nats(model(x[None])[0], y) for x, y in pairs)
    return total / (len(ids) - 1) / math.log(2)


@instead_of("bits_per_character")
def reads_it_all_in_one_call(model, text):
    """The logits of the whole text are in memory together: V numbers for each character, gigabytes for a book. The state is
    there so that a text can be read in parts."""
    ids = _encode(text, model.alphabet)
    if len(ids) < 2:
        raise ValueError(text)
    with _reading(model):
        return nats(model(ids[None, :-1])[0], ids[1:]) / (len(ids) - 1) / math.log(2)


@instead_of("bits_per_character")
def averages_over_all_characters(model, text):
    """The sum is divided by the number of characters, but the first one was not predicted. For a short text the score is
    too good; the number to divide by is that of the predictions."""
    ids = _encode(text, model.alphabet)
    if len(ids) < 2:
        raise ValueError(text)
    total, state = 0.0, None
    with _reading(model):
        for x, y in zip(ids[:-1].split(1_000), ids[1:].split(1_000), strict=True):
            logits, state = model(x[None], state)
            total += nats(logits, y)
    return total / len(ids) / math.log(2)


@instead_of("bits_per_character")
def leaves_the_model_in_evaluation(model, text):
    """`eval()` is called and never undone, so training goes on without dropout after the first look at the score. Remember
    the mode, and put it back even after an error."""
    ids = _encode(text, model.alphabet)
    if len(ids) < 2:
        raise ValueError(text)
    total, state = 0.0, None
    model.eval()
    with torch.no_grad():
        for x, y in zip(ids[:-1].split(1_000), ids[1:].split(1_000), strict=True):
            logits, state = model(x[None], state)
            total += nats(logits, y)
    return total / (len(ids) - 1) / math.log(2)


def drawn(model, prompt, length, temperature, generator, start=lambda ids: ids, heat=lambda t: t, greedy=False):
    """The right loop, with one thing changed."""
    check(prompt, temperature)
    read, state, written = start(_encode(prompt, model.alphabet)), None, ""
    with _reading(model):
        for _ in range(length):
            logits, state = model(read[None], state)
            odds = (logits[0, -1] / heat(temperature)).softmax(-1)
            read = odds.argmax()[None] if greedy else torch.multinomial(odds, 1, generator=generator)
            written += model.alphabet[read]
    return written


@instead_of("sample")
def reads_the_end_of_the_prompt_alone(model, prompt, length, temperature=1.0, generator=None):
    """The loop begins with the prompt's last character and no state, so the rest of the prompt is never read. The whole of
    it goes through the model once, before the first draw."""
    return drawn(model, prompt, length, temperature, generator, start=lambda ids: ids[-1:])


@instead_of("sample")
def multiplies_by_the_temperature(model, prompt, length, temperature=1.0, generator=None):
    """Heat flattens: logits are divided by it. Multiplied, a temperature of 0.5 makes the text wilder, and 2 makes it repeat
    itself."""
    return drawn(model, prompt, length, temperature, generator, heat=lambda t: 1 / t)


@instead_of("sample")
def takes_the_likeliest(model, prompt, length, temperature=1.0, generator=None):
    """The maximum is the same at every temperature. A text that only takes the likeliest next character soon runs in a
    circle: draw from the distribution."""
    return drawn(model, prompt, length, temperature, generator, greedy=True)


@instead_of("sample")
def reads_everything_again(model, prompt, length, temperature=1.0, generator=None):
    """For each character the whole text so far goes through the model from the beginning. The text is right and the time
    grows with the square of its length: a recurrent model has a state so that nobody needs to."""
    check(prompt, temperature)
    ids = _encode(prompt, model.alphabet)
    with _reading(model):
        for _ in range(length):
            odds = (model(ids[None])[0][0, -1] / temperature).softmax(-1)
            ids = torch.cat([ids, torch.multinomial(odds, 1, generator=generator)])
    return "".join(model.alphabet[i] for i in ids[len(prompt) :].tolist())


@instead_of("sample")
def draws_from_the_global_generator(model, prompt, length, temperature=1.0, generator=None):
    """`generator` is taken and not handed on to `multinomial`, so the text depends on whatever was drawn elsewhere."""
    return sample(model, prompt, length, temperature)


@instead_of("sample")
def repeats_the_prompt(model, prompt, length, temperature=1.0, generator=None):
    """The prompt stands at the beginning of what comes back. Whoever joins the two has it twice, and a count of characters
    is off; say in the interface which it is."""
    return prompt + sample(model, prompt, length, temperature, generator)


@instead_of("load")
def runs_whatever_is_in_the_file(path):
    """`weights_only=False` unpickles any object, and unpickling calls whatever the file names. A model from the internet is
    then a program from the internet."""
    saved = torch.load(path, weights_only=False)
    model = CharRNN(saved["alphabet"], saved["width"])
    model.load_state_dict(saved["weights"])
    return model


@instead_of("load")
def sorts_the_alphabet_anew(path):
    """The characters come back sorted, in whatever order the model had them. Ids then mean other characters, the weights
    fit, and the text is a cipher. An id is a position: save the order."""
    model = load(path)
    model.alphabet = "".join(sorted(model.alphabet))
    return model


@instead_of("load")
def forgets_the_weights(path):
    """A model of the right size with the right alphabet, freshly drawn: `load_state_dict` was not called. It looks like a
    model that has unlearned everything; compare logits after loading, once."""
    saved = load(path)
    return CharRNN(saved.alphabet, saved.output.in_features)


@instead_of("train")
def forgets_at_every_window(text, config):
    """The state starts from nothing in each window, so nothing that is further back than a window's beginning can ever be
    used, and the first characters of all windows are guessed."""
    torch.manual_seed(config.seed)

    def step(model, optimizer, x, y, _):
        learn(model, optimizer, model(x)[0], y)

    return trained(text, config, step)


@instead_of("train")
def never_sets_the_seed(text, config):
    """The configuration has a seed and nothing reads it, so no run can be repeated, and no two settings compared. Seed
    before the first weight is drawn."""

    def step(model, optimizer, x, y, state):
        logits, state = model(x, state)
        learn(model, optimizer, logits, y)
        return state.detach()

    return trained(text, config, step)


@instead_of("train")
def never_clears_the_gradients(text, config):
    """`backward` adds to what is there, so without `zero_grad` each step follows the sum of all windows so far, taken at
    weights that are gone. The sum keeps pushing where it is no longer needed, and the model swings past what it should
    learn; a text with plain rules, and clipping, can hide it for long."""
    torch.manual_seed(config.seed)

    def step(model, optimizer, x, y, state):
        logits, state = model(x, state)
        descend(model, optimizer, logits, y, config.grad_clip)
        return state.detach()

    return trained(text, config, step)


equivalents = [
    Equivalent("windows: True → False", "both cuts are equally long"),
    Equivalent("bits_per_character: True → False", "both cuts are equally long"),
    Equivalent("load: torch.load(path, weights_only=True) → torch.load(path)",
               "it is torch's default since 2.6, and said for the reader"),
    Equivalent("train: nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip) → nn.utils",
               "clipping is for rare gradients, which a right answer need not meet"),
]  # fmt: skip
