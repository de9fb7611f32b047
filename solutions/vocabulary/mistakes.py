from collections import Counter

import torch
from torch.nn.utils.rnn import pad_sequence

from grader.kit import Equivalent, instead_of

SPECIAL = ["<pad>", "<unk>"]


def check(max_size, min_count):
    if min_count < 1 or (max_size is not None and max_size < 2):
        raise ValueError(max_size, min_count)


def count(texts):
    return Counter(token for text in texts for token in text if token not in SPECIAL)


def order(counts, min_count):
    return sorted((token for token in counts if counts[token] >= min_count), key=lambda token: (-counts[token], token))


def fill(self, tokens):
    self.tokens = tokens
    self._ids = {token: number for number, token in enumerate(tokens) if token not in SPECIAL}


@instead_of("Vocabulary.__init__")
def breaks_ties_by_first_appearance(self, texts, max_size=None, min_count=1):
    """most_common leaves equal counts in the order in which they were met, so listing the files in another order gives every
    rare word another id, and a saved model reads another language."""
    check(max_size, min_count)
    frequent = [token for token, times in count(texts).most_common() if times >= min_count]
    fill(self, [*SPECIAL, *frequent][:max_size])


@instead_of("Vocabulary.__init__")
def sorts_the_tokens_alone(self, texts, max_size=None, min_count=1):
    """sorted(set(tokens)) is fine for the characters of a small text. With a limit it throws away the end of the alphabet
    and not what is rare."""
    check(max_size, min_count)
    counts = count(texts)
    fill(self, [*SPECIAL, *sorted(token for token in counts if counts[token] >= min_count)][:max_size])


@instead_of("Vocabulary.__init__")
def reverses_the_whole_sort(self, texts, max_size=None, min_count=1):
    """`reverse=True` turns the key around as a whole, so ties run backwards too. A minus before the count turns only the
    count."""
    check(max_size, min_count)
    counts = count(texts)
    frequent = sorted((token for token in counts if counts[token] >= min_count), key=lambda t: (counts[t], t), reverse=True)
    fill(self, [*SPECIAL, *frequent][:max_size])


@instead_of("Vocabulary.__init__")
def counts_each_text_once(self, texts, max_size=None, min_count=1):
    """This counts the texts in which a token occurs, which is document frequency and belongs to retrieval. A word that fills
    one long text is then as rare as a typo."""
    check(max_size, min_count)
    counts = count(set(text) for text in texts)
    fill(self, [*SPECIAL, *order(counts, min_count)][:max_size])


@instead_of("Vocabulary.__init__")
def puts_the_special_ones_on_top(self, texts, max_size=None, min_count=1):
    """max_size limits the words here and the special ones are added afterwards, so ids reach max_size + 1. An embedding with
    max_size rows fails at the first rare word, on a GPU with an error far from this line."""
    check(max_size, min_count)
    fill(self, [*SPECIAL, *order(count(texts), min_count)[:max_size]])


@instead_of("Vocabulary.__init__")
def keeps_what_is_above_min_count(self, texts, max_size=None, min_count=1):
    """`>` where `>=` was asked: with the default of 1, all words that occur once are gone, and in real text these are about
    half of all."""
    check(max_size, min_count)
    counts = count(texts)
    frequent = [token for token in order(counts, 1) if counts[token] > min_count]
    fill(self, [*SPECIAL, *frequent][:max_size])


@instead_of("Vocabulary.__init__")
def reads_the_texts_twice(self, texts, max_size=None, min_count=1):
    """The second pass over a generator finds it empty, without an error: the vocabulary has no words at all. Count everything
    in one pass, or say that you need a list."""
    check(max_size, min_count)
    known = {token for text in texts for token in text} - set(SPECIAL)
    counts = {token: times for token, times in count(texts).items() if token in known}
    fill(self, [*SPECIAL, *order(counts, min_count)][:max_size])


@instead_of("Vocabulary.__init__")
def numbers_special_names_again(self, texts, max_size=None, min_count=1):
    """A text that talks about `<pad>` gives it a second entry, and a dictionary keeps the later one: from then on the name
    has one id in the list and another in the dictionary."""
    check(max_size, min_count)
    counts = Counter(token for text in texts for token in text)
    fill(self, [*SPECIAL, *order(counts, min_count)][:max_size])


@instead_of("Vocabulary.encode")
def lets_a_text_ask_for_padding(self, text):
    """Looked up like any word, `<pad>` in a text gets id 0, and the mask hides it from the model. With an end-of-text token
    the same slip lets a user end the system's prompt."""
    ids = {token: number for number, token in enumerate(self.tokens)}
    return torch.tensor([ids.get(token, 1) for token in text], dtype=torch.int64)


@instead_of("Vocabulary.encode")
def gives_unknown_tokens_zero(self, text):
    """`get(token, 0)` makes unknown words padding: they are masked, and the model reads a text from which all rare words are
    cut out."""
    return torch.tensor([self._ids.get(token, 0) for token in text], dtype=torch.int64)


@instead_of("Vocabulary.encode")
def skips_unknown_tokens(self, text):
    """What is unknown is left out, so the others move up: labels per token no longer line up, and 'not' may vanish from 'not
    good'."""
    return torch.tensor([self._ids[token] for token in text if token in self._ids], dtype=torch.int64)


@instead_of("Vocabulary.encode")
def leaves_the_dtype_to_torch(self, text):
    """torch.tensor([]) is float32, since there is nothing to tell its kind from. The first empty text then stops the
    embedding, which wants integers."""
    return torch.tensor([self._ids.get(token, 1) for token in text])


@instead_of("Vocabulary.encode_batch")
def pads_on_the_left(self, texts):
    """Zeros in front are right for generating from prompts of several lengths, where all must end together. Training wants
    them behind, so that token i stands at position i in every row."""
    rows = [self.encode(text) for text in texts]
    longest = max(map(len, rows), default=0)
    filled = [torch.cat([torch.zeros(longest - len(row), dtype=torch.int64), row]) for row in rows]
    return torch.stack(filled) if rows else torch.zeros(0, 0, dtype=torch.int64)


@instead_of("Vocabulary.encode_batch")
def pads_the_callers_lists(self, texts):
    """`text += [...]` fills up the caller's own list, so next time the padding is part of the text, and is unknown. A method
    that returns something should change nothing."""
    texts = [text if isinstance(text, list) else list(text) for text in texts]
    longest, lengths = max(map(len, texts), default=0), [len(text) for text in texts]
    for text in texts:
        text += ["<pad>"] * (longest - len(text))
    rows = [self.encode(text) * (torch.arange(longest) < length) for text, length in zip(texts, lengths, strict=True)]
    return torch.stack(rows) if rows else torch.zeros(0, 0, dtype=torch.int64)


@instead_of("Vocabulary.encode_batch")
def needs_a_text(self, texts):
    """pad_sequence, stack and max all refuse an empty batch. A filter that leaves nothing, or the last shard of a data set,
    will make one."""
    return pad_sequence([self.encode(text) for text in texts], batch_first=True)


@instead_of("Vocabulary.decode")
def takes_negative_ids_for_the_end(self, ids):
    """A list counts negative numbers from its end: -1 decodes to the rarest word, and an ignored target of -100 to another,
    where both should fail. Check both ends of the range."""
    return [self.tokens[number] for number in ids.tolist() if number != 0]


@instead_of("Vocabulary.decode")
def stops_at_the_first_padding(self, ids):
    """The first zero is taken for the end of the text. That holds for a row padded on the right; one that is padded on the
    left decodes to nothing."""
    check_ids(self, ids)
    found = []
    for number in ids.tolist():
        if number == 0:
            break
        found.append(self.tokens[number])
    return found


@instead_of("Vocabulary.decode")
def shows_the_padding(self, ids):
    """`<pad>` is put into the text. A metric that compares texts then scores the padding, and scores it well."""
    check_ids(self, ids)
    return [self.tokens[number] for number in ids.tolist()]


@instead_of("Vocabulary.decode")
def hides_unknown_tokens(self, ids):
    """Skipping all special tokens drops `<unk>` as well, so a text full of unknown words reads as a short, good one. What was
    lost should be seen."""
    check_ids(self, ids)
    return [self.tokens[number] for number in ids.tolist() if number > 1]


@instead_of("Vocabulary.decode")
def looks_tensors_up_in_a_dict(self, ids):
    """Iterating over a tensor gives tensors, and as a key of a dict each is equal to itself alone: a KeyError for every id.
    `tolist()` gives the integers."""
    check_ids(self, ids)
    names = dict(enumerate(self.tokens))
    return [names[number] for number in ids if number != 0]


def check_ids(self, ids):
    if any(not 0 <= number < len(self.tokens) for number in ids.tolist()):
        raise IndexError(ids)


equivalents = [Equivalent("Vocabulary.decode: ids.tolist() → ids", "a list takes tensors for its index too: slower")]
