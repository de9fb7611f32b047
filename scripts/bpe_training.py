"""How long the reference of `bpe_tokenizer` trains on a megabyte of text, beside the trainer of the `tokenizers` library.

    python scripts/bpe_training.py                      # a vocabulary of 4,096
    python scripts/bpe_training.py --vocab-size 32000

Both train on the same text, in turns, in one process. What counts is the CPU time of each call, all threads together, and
the ratio of two calls in a row, so that other work on the machine hardly matters. For the comparison with counting
anew before every merge, one such count is timed and multiplied by the number of merges.
"""

import argparse
import sysconfig
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer

from exercises.bpe_tokenizer import given
from grader.estimate import median_of_ratios
from grader.kit import built_in_text
from solutions.bpe_tokenizer.bpe_tokenizer import train

CHARACTERS = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--turns", type=int, default=9)
    arguments = parser.parse_args()
    text, size = megabyte(), arguments.vocab_size
    rules = {
        "its own rule for pieces (GPT-2's)": ByteLevel(add_prefix_space=False),
        "the exercise's rule for pieces": Sequence(
            [Split(Regex(given.PIECE.pattern), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
        ),
    }
    merges = train(text, size)
    print(f"{len(text):,} characters, {len(set(given.pieces(text))):,} different pieces, {len(merges):,} merges")
    for name, rule in rules.items():
        library(text, size, rule)  # a first call of each does not count
        reference, beside = [], []
        for _ in range(arguments.turns):
            reference.append(seconds(lambda: train(text, size)))
            beside.append(seconds(lambda rule=rule: library(text, size, rule)))
        ratio = median_of_ratios(reference, beside)
        print(f"reference {median(reference):.2f} s, library with {name} {median(beside):.2f} s of CPU time")
        print(f"reference / library: {ratio.middle:.2f}x ({ratio.low:.2f} to {ratio.high:.2f})")
    data = text.encode()
    anew = seconds(lambda: Counter(pairwise(data))) * len(merges)
    print(f"counting anew: about {anew:.0f} s, {anew / median(reference):,.0f} times the reference")


def megabyte() -> str:
    """Python's language reference, then the sources of its standard library."""
    text = built_in_text()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        if len(text) >= CHARACTERS:
            break
        text += path.read_text(encoding="utf-8", errors="replace")
    return text[:CHARACTERS]


def library(text: str, vocab_size: int, rule: ByteLevel | Sequence) -> None:
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = rule
    trainer = BpeTrainer(vocab_size=vocab_size, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([text], trainer)


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    main()
