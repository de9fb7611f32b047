import re
from collections import Counter

from grader.kit import instead_of
from solutions.debug_tokenizer.debug_tokenizer import words


@instead_of("words")
def chinese_is_split_on_spaces(text):
    """In Python \\w matches Chinese characters, and no space stands between them, so a whole clause becomes one 'word',
    which occurs once and is therefore unknown. On English the same pattern is right, which is why it survives. Print what
    becomes of one sentence of every language that you serve, and the share of unknown words by language; a number over all
    languages hides it."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


@instead_of("build")
def special_ids_are_not_counted(texts, size):
    """The ids begin at 2, so `size` words reach up to size + 1, and the two rarest of them have no row in an embedding of
    `size` rows. On a small corpus, with fewer distinct words than rows, nothing happens; on the large one the first batch
    with a rare word dies. Whoever adds special ids has to take them off the budget: assert max(ids) < size."""
    counts = Counter(word for text in texts for word in words(text))
    kept = counts.most_common(size)
    return {word: number for number, (word, _) in enumerate(kept, start=2)}


@instead_of("encode")
def unknown_words_become_padding(text, vocabulary):
    """The default 0 is the id of padding. Unknown words then look like no word at all: a mask made from `ids != 0` hides
    them, mean pooling skips them, and a sentence of unknown words is empty. Nothing fails; the model just never learns that
    it does not know. Special ids deserve names, and a bare 0 in a call is where to look."""
    return [vocabulary.get(word, 0) for word in words(text)]
