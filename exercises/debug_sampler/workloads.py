"""What the audit asks of a submission; draws are compared by what chance can't change."""

from types import ModuleType

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.kit import codes, normal, workload

ALPHABET = "\n abcdefghij"
DRAWS = 2**14  # a share is off by 0.04 with a probability of at most 2 exp(-52), by Hoeffding


def dice(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@workload()
def openings(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    vocabulary = submission.Vocabulary(ALPHABET)
    prompts = ["", "abc", "?!", "a?b", "\n"]
    return {prompt: torch.tensor(submission.opening(vocabulary, prompt)) for prompt in prompts}


@workload()
def shares(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Whether the shares of many draws are right, by temperature."""
    logits, found = normal(seed, 5), {}
    for temperature in (0.3, 1.0, 3.0):
        drawn = submission.pick(logits.expand(2, DRAWS // 2, 5), temperature, dice(seed))
        away = F.one_hot(drawn, 5).float().mean((0, 1)) - (logits / temperature).softmax(-1)
        found[str(temperature)] = away.abs() < 0.04
    return found


@workload()
def writing(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """A model that is sure of what comes after the sum of all that it sees."""
    vocabulary = submission.Vocabulary(ALPHABET)
    model = lambda ids: 1000.0 * F.one_hot((ids.cumsum(-1) + seed % 7 + 1) % 12, 12)
    write = lambda prompt, window: codes(submission.sample(model, vocabulary, prompt, 30, window, 1.0, dice(seed)))
    return {f"{prompt}{window}": write(prompt, window) for prompt in ("", "abcabc") for window in (1, 4, 99)}
