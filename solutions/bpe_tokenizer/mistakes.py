from collections import Counter
from itertools import pairwise

import torch

from exercises.bpe_tokenizer.given import pieces
from grader.kit import Equivalent, instead_of
from solutions.bpe_tokenizer import bpe_tokenizer as right


def check(vocab_size):
    if vocab_size < 256:
        raise ValueError(vocab_size)


def replaced(word, pair, new):
    if pair[0] not in word:
        return word
    found = []
    for token in word:
        found.append(token)
        if tuple(found[-2:]) == pair:
            found[-2:] = [new]
    return found


def count(words):
    """Of words with their occurrences, how often each pair occurs."""
    counts = Counter()
    for word, times in words:
        for pair in pairwise(word):
            counts[pair] += times
    return counts


def learn(
    words, merges_wanted, best=lambda counts: min(counts, key=lambda pair: (-counts[pair], pair)), counted=count, least=1
):
    """Counting anew before every merge; `words` holds (list of bytes, occurrences)."""
    merges = []
    while len(merges) < merges_wanted:
        counts = counted(words)
        if not counts or max(counts.values()) < least:
            break
        merges.append(best(counts))
        words = [(replaced(word, merges[-1], 255 + len(merges)), times) for word, times in words]
    return merges


def words_of(text):
    return [(list(piece.encode()), times) for piece, times in Counter(pieces(text)).items()]


@instead_of("train")
def merges_across_pieces(text, vocab_size):
    """The bytes of the whole text are one sequence here, so tokens like 'of the' or 'end.\\n' are learned: they win by
    frequency, fill the vocabulary with combinations, and the same word gets other tokens in front of a comma."""
    check(vocab_size)
    return learn([(list(text.encode()), 1)], vocab_size - 256)


@instead_of("train")
def counts_every_piece_once(text, vocab_size):
    """Keeping each different piece once is what makes training fast; its number of occurrences has to be kept beside it.
    Without, a typo weighs as much as 'the'."""
    check(vocab_size)
    return learn([(word, 1) for word, _ in words_of(text)], vocab_size - 256)


@instead_of("train")
def takes_the_first_of_a_tie(text, vocab_size):
    """`max(counts, key=counts.get)` returns the pair that was met first, so the merges depend on the order of the files. Two
    trainings on the same text should give one tokenizer."""
    check(vocab_size)
    return learn(words_of(text), vocab_size - 256, lambda counts: max(counts, key=counts.get))


@instead_of("train")
def takes_the_largest_of_a_tie(text, vocab_size):
    """`max` by (count, pair) turns both around: the most frequent, and of those the largest ids. It is repeatable, but another
    tokenizer than the one that was asked for; ties are common as soon as counts are small."""
    check(vocab_size)
    return learn(words_of(text), vocab_size - 256, lambda counts: max(counts, key=lambda pair: (counts[pair], pair)))


@instead_of("train")
def leaves_the_neighbours_counts(text, vocab_size):
    """After (a, b) has become one token, (x, a) and (b, y) are rarer than before. If only new pairs are counted, old counts
    stay too high, and pairs are merged that hardly exist any more. What a merge touches it must also take away."""
    check(vocab_size)
    words, merges = words_of(text), []
    counts = count(words)
    while counts and len(merges) < vocab_size - 256:
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        words = [(replaced(word, best, 255 + len(merges)), times) for word, times in words]
        fresh = count(words)
        counts = {pair: max(times, fresh[pair]) for pair, times in (counts | fresh).items() if pair != best}
    return merges


@instead_of("train")
def counts_runs_without_overlap(text, vocab_size):
    """`str.count` and skipping after a match see one pair in 'aaa' where there are two places. It changes the order of merges
    only in runs, of spaces, dashes or zeros, so it is found late."""

    def counted(words):
        counts = Counter()
        for word, times in words:
            last = None
            for place, pair in enumerate(pairwise(word)):
                if last is not None and last == (pair, place - 1):
                    last = None
                    continue
                counts[pair] += times
                last = (pair, place)
        return counts

    check(vocab_size)
    return learn(words_of(text), vocab_size - 256, counted=counted)


@instead_of("train")
def learns_a_merge_for_every_entry(text, vocab_size):
    """The 256 bytes are entries too, so only vocab_size - 256 merges fit. The embedding gets vocab_size rows, and the ids go on
    to vocab_size + 255."""
    check(vocab_size)
    return learn(words_of(text), vocab_size)


@instead_of("train")
def stops_at_pairs_that_occur_once(text, vocab_size):
    """A pair that occurs once is a poor token, and many trainers have a least frequency for that. Here the size was promised,
    and a small text then gets fewer entries than it could have."""
    check(vocab_size)
    return learn(words_of(text), vocab_size - 256, least=2)


@instead_of("train")
def starts_from_characters(text, vocab_size):
    """Code points in place of bytes: 語 is 35,486, an id beyond the vocabulary, and a character that training did not see has
    no id at all. Bytes are why nothing is ever unknown."""
    check(vocab_size)
    words = [(list(map(ord, piece)), times) for piece, times in Counter(pieces(text)).items()]
    return learn(words, vocab_size - 256)


@instead_of("encode")
def takes_the_longest_token(text, merges):
    """From the left, always the longest entry that fits: that is how WordPiece cuts. BPE replays its merges, so that a text is
    cut as the training text was, on which the model learned."""
    tokens = [bytes([byte]) for byte in range(256)]
    for left, right_ in merges:
        tokens.append(tokens[left] + tokens[right_])
    ids, found = {token: number for number, token in reversed(list(enumerate(tokens)))}, []
    for piece in pieces(text):
        rest = piece.encode()
        while rest:
            length = next(length for length in range(len(rest), 0, -1) if rest[:length] in ids)
            found.append(ids[rest[:length]])
            rest = rest[length:]
    return torch.tensor(found, dtype=torch.int64)


@instead_of("encode")
def merges_whatever_comes_first(text, merges):
    """The leftmost pair that has a merge is merged, whatever its rank. An early merge in the middle of a word can no longer be
    made once a later one has taken one of its tokens."""
    ranks, found = {pair: 256 + number for number, pair in enumerate(merges)}, []
    for piece in pieces(text):
        word, place = list(piece.encode()), 0
        while place + 1 < len(word):
            if (word[place], word[place + 1]) in ranks:
                word[place : place + 2] = [ranks[word[place], word[place + 1]]]
                place = 0
            else:
                place += 1
        found += word
    return torch.tensor(found, dtype=torch.int64)


@instead_of("encode")
def encodes_the_text_in_one(text, merges):
    """The merges were learned within pieces and are replayed over everything. Most texts come out alike, since merges across
    borders were never learned; runs of spaces do not, and indented code is full of them."""
    word = list(text.encode())
    for number, pair in enumerate(merges):
        word = replaced(word, pair, 256 + number)
    return torch.tensor(word, dtype=torch.int64)


@instead_of("encode")
def leaves_the_dtype_to_torch(text, merges):
    """torch.tensor([]) is float32, since there is nothing to tell its kind from. The first empty text then stops the
    embedding, which wants integers."""
    return torch.tensor(right.encode(text, merges).tolist())


@instead_of("decode")
def decodes_token_by_token(ids, merges):
    """Each token is turned into text on its own, so a character whose bytes are spread over two tokens becomes two U+FFFD.
    English never shows it; Chinese and emoji do at once. Join the bytes first."""
    right.decode(ids, merges)
    return "".join(right.decode(ids[place : place + 1], merges) for place in range(len(ids)))


@instead_of("decode")
def raises_on_broken_characters(ids, merges):
    """A strict decode raises for bytes that are no UTF-8, and a model may produce any ids: a service then fails in the middle
    of an answer, at the first half emoji."""
    return joined(ids, merges).decode()


@instead_of("decode")
def drops_broken_characters(ids, merges):
    """With errors="ignore" the wrong bytes vanish, and nobody sees that the model wrote nonsense. U+FFFD is there to say so."""
    return joined(ids, merges).decode(errors="ignore")


@instead_of("decode")
def takes_a_byte_for_a_character(ids, merges):
    """`chr(byte)` is right up to 127 and then reads UTF-8 as Latin-1: é becomes Ã©. The bytes of a character belong
    together."""
    return joined(ids, merges).decode("latin-1")


@instead_of("decode")
def takes_negative_ids_for_the_end(ids, merges):
    """A list counts -1 from its end, so a target of -100 decodes to some token where it should fail."""
    tokens = [bytes([byte]) for byte in range(256)]
    for left, right_ in merges:
        tokens.append(tokens[left] + tokens[right_])
    return b"".join(tokens[number] for number in ids.tolist()).decode(errors="replace")


def joined(ids, merges):
    right.decode(ids, merges)  # refuses what is no id
    tokens = [bytes([byte]) for byte in range(256)]
    for left, right_ in merges:
        tokens.append(tokens[left] + tokens[right_])
    return b"".join(tokens[number] for number in ids.tolist())


equivalents = [Equivalent("decode: ids.tolist() → ids", "a list takes tensors for its index too: slower")]
