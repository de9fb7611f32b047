"""What the audit, the diagnosis and the clock ask of a submission."""

import torch
from torch import Tensor

from grader.kit import Submission, built_in_text, refuses, words, workload


def told(*scores: tuple[float, float, float]) -> dict[str, Tensor]:
    """Scores as numbers, and whether each is a float."""
    floats = torch.tensor([[type(number) is float for number in score] for score in scores])
    return {"scores": torch.tensor(scores, dtype=torch.float64), "floats": floats}


@workload(time=2, length=[200, 400, 800, 1600])
def long_texts(submission: Submission, seed: int, length: int) -> dict[str, Tensor]:
    """The one that is timed: two passages of real text, which have their frequent words in common."""
    text = built_in_text()[seed % 1000 * 100 :][: 40 * length].split()
    one, other = text[:length], text[length : 2 * length]
    return told(submission.rouge_l(one, [other]), submission.rouge_n(one, [other], 2))


@workload()
def pairs(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Sentences of three different words, with one reference."""
    found = []
    for i in range(8):
        candidate, reference = words(seed + i, (seed + 5 * i) % 12), words(seed + 50 + i, (seed + 3 * i) % 10)
        found += [submission.rouge_n(candidate, [reference], n) for n in (1, 2, 3)] + [
            submission.rouge_l(candidate, [reference])
        ]
    return told(*found)


@workload()
def subsequences(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Random texts, repetitions, reverses, gaps, nothing; and a long text beside a short one."""
    found = [(words(seed + i, 5 * i, 4), words(seed + 20 + i, 30 - 3 * i, 4)) for i in range(8)]
    text = [str(number) for number in range(9)]
    found += [(["a"] * 5, ["a"] * 7), (text, text[::-1]), (text, text[::2]), (text, text[4:] + text[:4]), (text, []), ([], [])]
    found += [(["x"] * 2_000 + ["a", "b"] + ["x"] * 2_000, ["a", "b"]), (["a", "b"], ["x"] * 4_000 + ["b", "a"])]
    return {"lengths": torch.tensor([submission.lcs_length(*pair) for pair in found])}


@workload()
def several_references(submission: Submission, seed: int) -> dict[str, Tensor]:
    """References of which one is the best by far; and two with the same F1, in both orders."""
    candidate = list("abcdefgh")
    references = [candidate[:2], [*candidate[1:7], "x"], ["y"] * 3, candidate[:2] + ["z"] * (4 + seed % 3)]
    short, long = list("abcd"), [*candidate, *"xxxxxxxx"]
    found = []
    for texts in (references, references[::-1], [short, long], [long, short]):
        found += [submission.rouge_n(candidate, texts, 1), submission.rouge_l(candidate, texts)]
    return told(*found, submission.rouge_n(candidate, references, 2))


@workload()
def ends(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Empty texts, texts too short for an n-gram, nothing in common, copies, tokens that spell alike."""
    text = words(seed, 6)
    found = []
    for candidate, reference in (([], []), ([], text), (text, []), (text, ["x"]), (["x"], text), (text, text), (["a"], ["a"])):
        found += [submission.rouge_n(candidate, [reference], n) for n in (1, 2)] + [submission.rouge_l(candidate, [reference])]
    return told(*found, submission.rouge_n(["a b", "c"], [["a", "b c"]], 2), submission.rouge_n(["ab", "c"], [["a", "bc"]], 2))


@workload()
def what_is_left_of_the_texts(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Whether what was given is as it was."""
    given = words(seed, 6), [words(seed + 1, 5), words(seed + 2, 7)]
    submission.rouge_n(*given, 2)
    submission.rouge_l(*given)
    submission.lcs_length(given[0], given[1][0])
    return {"unchanged": torch.tensor(given == (words(seed, 6), [words(seed + 1, 5), words(seed + 2, 7)]))}


@workload()
def refusals(submission: Submission, seed: int) -> dict[str, Tensor]:
    text = words(seed, 4)
    refused = [refuses(ValueError, submission.rouge_n, text, [text], n) for n in (-1, 0, 1)]
    refused += [refuses(ValueError, submission.rouge_n, text, [], 1), refuses(ValueError, submission.rouge_l, text, [])]
    return {"refused": torch.tensor(refused)}
