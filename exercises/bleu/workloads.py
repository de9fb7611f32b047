"""What the audit, the diagnosis and the clock ask of a submission."""

import torch
from torch import Tensor

from grader.kit import Submission, built_in_text, refuses, words, workload


def told(*scores: float) -> dict[str, Tensor]:
    """Scores as numbers, and whether each is a float."""
    floats = torch.tensor([type(score) is float for score in scores])
    return {"scores": torch.tensor(scores, dtype=torch.float64), "floats": floats}


def corrupted(sentence: list[str], seed: int, share: float) -> list[str]:
    """The sentence without some of its words, and with others in the place of some."""
    coins = torch.rand(len(sentence), generator=torch.Generator().manual_seed(seed)).tolist()
    kept = [(word, coin) for word, coin in zip(sentence, coins, strict=True) if coin > share / 2]
    return [word if coin > share else word.upper() for word, coin in kept]


def small_corpus(seed: int, candidates: int = 6) -> tuple[list[list[str]], list[list[list[str]]]]:
    """Sentences of three different words, with one to three references each."""
    spoken = [words(seed + i, 6 + (seed + 3 * i) % 7) for i in range(candidates)]
    return spoken, [
        [words(seed + 100 * i + j, 5 + (seed + i + 2 * j) % 9) for j in range(1 + i % 3)] for i in range(candidates)
    ]


@workload(time=1, candidates=[32, 64, 128, 256])
def real_sentences(submission: Submission, seed: int, candidates: int) -> dict[str, Tensor]:
    """The one that is timed: passages of 25 words, each beside two corrupted copies."""
    text = built_in_text()[: 200 * candidates].split()
    passages = [text[start : start + 25] for start in range(0, 25 * candidates, 25)]
    references = [[corrupted(passage, seed + 2 * i, 0.2), corrupted(passage, seed + 2 * i + 1, 0.4)]
                  for i, passage in enumerate(passages)]  # fmt: skip
    return told(submission.bleu(passages, references), submission.bleu(references[0], [[passages[0]]] * 2))


@workload()
def matches(submission: Submission, seed: int) -> dict[str, Tensor]:
    pairs = zip(*small_corpus(seed), strict=True)
    found = [submission.clipped_matches(*pair, n) for pair in pairs for n in (1, 2, 3, 4, 9)]
    found += [submission.clipped_matches(["the"] * 7, [["the"] * there] * 3, 1) for there in (0, 1, 2, 9)]
    found += [submission.clipped_matches(["a b", "c"], [["a", "b c"]], 2), submission.clipped_matches([], [[]], 1)]
    return {"matches": torch.tensor(found)}


@workload()
def penalties(submission: Submission, seed: int) -> dict[str, Tensor]:
    return told(*(submission.brevity_penalty(*pair) for pair in [(9, 9), (10, 9), (8, 9), (1, 9), (0, 9), (0, 0), (5, 0)]))


@workload()
def small_corpora(submission: Submission, seed: int) -> dict[str, Tensor]:
    corpora = [small_corpus(seed), small_corpus(seed + 1, 1), small_corpus(seed + 2, 2)]
    return told(*(submission.bleu(*corpus, n, smooth) for corpus in corpora for n in (1, 2, 4) for smooth in (False, True)))


@workload()
def missing_orders(submission: Submission, seed: int) -> dict[str, Tensor]:
    """No word in common, only words, pairs too; candidates that are too short for an order; empty ones."""
    length = 6 + seed % 3
    reference = list("abcdefghi")
    candidates = [["x"] * length, list("ax" * length), list("abx" * length), list("abcx"), list("ab"), []]
    settings = [(n, smooth) for n in (1, 2, 4) for smooth in (False, True)]
    alone = [submission.bleu([candidate], [[reference]], *each) for candidate in candidates for each in settings]
    together = [submission.bleu(candidates, [[reference]] * len(candidates), *each) for each in settings]
    return told(*alone, *together, submission.bleu([list("ab")], [[list("ab")]], 4, True))


@workload()
def lengths_of_references(submission: Submission, seed: int) -> dict[str, Tensor]:
    """A candidate of eight between two references, in both orders."""
    pairs = [(low, high) for low in (3, 5, 6, 7, 8) for high in (9, 10, 11)]
    pairs += [(high, low) for low, high in pairs]
    return told(*(submission.bleu([["a"] * 8], [[["a"] * one, ["a"] * other]], 1) for one, other in pairs))


@workload()
def what_is_left_of_the_corpus(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Whether what was given is as it was."""
    corpus = small_corpus(seed)
    submission.bleu(*corpus)
    return {"unchanged": torch.tensor(corpus == small_corpus(seed))}


@workload()
def refusals(submission: Submission, seed: int) -> dict[str, Tensor]:
    one, two = [["a", "b"]], [["a", "b"], ["b"]]
    calls = [(one, [one]), (one, []), ([], []), (two, [one]), (one, [one, one]), (one, [[]]), (two, [one, []])]
    refused = [refuses(ValueError, submission.bleu, *call) for call in calls]
    return {"refused": torch.tensor([*refused, *(refuses(ValueError, submission.bleu, one, [one], n) for n in (-1, 0, 1))])}
