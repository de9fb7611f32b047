"""What the audit, the diagnosis and the clock ask of a submission.

Two right answers have other layers and draw other characters, so a workload returns what neither can change: how a model
that is given is read, differences that have to be zero, facts, and shares rounded to where chance does not reach.
"""

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from exercises.char_rnn.given import Config
from exercises.char_rnn.given import text as real_text
from grader.kit import codes, gradients, normal, refuses, scattered, workload

TINY = Config(width=16, streams=2, window=3, learning_rate=0.02)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ids(seed: int, *shape: int) -> Tensor:
    return torch.randint(5, shape, generator=seeded(seed))


def moved(model: nn.Module, seed: int) -> nn.Module:
    """No longer new, and for evaluation: a new one's head may well be zeros, and it may have dropout."""
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter += 0.2 * normal(seed + number, *parameter.shape)
    return model.eval()


def letters(seed: int, length: int) -> str:
    return "".join("abcde"[i] for i in ids(seed, length).tolist())


class Sums(nn.Module):
    """Its state is the sum of all ids that it has read; the next one is that sum, modulo V, with a logit of `sure`."""

    def __init__(self, alphabet: str, sure: float) -> None:
        super().__init__()
        self.alphabet, self.sure = alphabet, sure
        self.calls: list[tuple[int, bool, bool]] = []

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        self.calls.append((ids.shape[1], self.training, torch.is_grad_enabled()))
        sums = ids.cumsum(1) + (0 if state is None else state["sum"][:, None])
        return self.sure * F.one_hot(sums % len(self.alphabet), len(self.alphabet)).float(), {"sum": sums[:, -1]}


class Always(nn.Module):
    def __init__(self, shares: list[float]) -> None:
        super().__init__()
        self.alphabet, self.logits = "abcde"[: len(shares)], torch.tensor(shares).log()

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.logits.expand(*ids.shape, -1), state


@workload(time=1, memory=1, characters=[2**11, 2**12, 2**13, 2**14])
def one_pass(submission: ModuleType, seed: int, characters: int) -> dict[str, Tensor]:
    """The one that is timed: torch has no operator to put beside a whole training."""
    text = real_text()[:characters]
    model = submission.train(text, Config(streams=64, seed=seed % 1_000))
    return {"alphabet": codes(model.alphabet), "learned": torch.tensor(submission.bits_per_character(model, text[:200]) < 6.5)}


@workload()
def new_models(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Differences that are zero, and facts."""
    model = submission.CharRNN("edcba", 16)
    read = ids(seed, 3, 6)
    undecided = model(read)[0].abs().max() < 2
    logits, _ = moved(model, seed)(read)
    start, state = model(read[:, :2])
    last = [model(torch.tensor([[first, 1, 1]]))[0][0, -1] for first in (0, 2)]
    used = torch.tensor([bool(g.any()) for g in gradients(logits, *model.parameters())]).all()
    return {
        "shape": torch.tensor(logits.shape),
        "in parts": torch.cat([start, model(read[:, 2:], state)[0]], 1) - logits,
        "cut short": model(read[:, :-1])[0] - logits[:, :-1],
        "alone": model(read[1:])[0] - logits[1:],
        "facts": torch.stack([used, (last[0] - last[1]).abs().max() > 1e-6, undecided]),
        "alphabet": codes(model.alphabet),
    }


@workload()
def cuts(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found, text = {}, ids(seed, 23)
    for streams, window in ((1, 4), (3, 2), (4, 5), (2, 100)):
        for number, (x, y) in enumerate(submission.windows(scattered(text), streams, window)):
            found |= {f"x {streams} {window} {number}": x, f"y {streams} {window} {number}": y}
    found["refused"] = torch.tensor([refuses(ValueError, submission.windows, text[:n], 3, 2) for n in range(6)])
    return found


@workload()
def scores(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model = Sums("cabde", 1.0 + seed % 3)
    bits = [submission.bits_per_character(model, letters(seed, n)) for n in (2, 3, 17)]
    model.calls.clear()
    bits.append(submission.bits_per_character(model, letters(seed, 2_345)))
    calls = torch.tensor(model.calls)
    facts = torch.tensor([calls[:, 0].max() <= 1_000, 2_344 <= calls[:, 0].sum() <= 2_345, bool(calls[:, 1:].any())])
    refused = [refuses(ValueError, submission.bits_per_character, model, text) for text in ("", "a", "ax", "ab")]
    return {"bits": torch.tensor(bits), "facts": facts, "refused": torch.tensor(refused)}


@workload()
def samples(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {}
    for prompt, length in (("a", 4), (letters(seed, 5), 6), (letters(seed + 1, 3), 0)):
        model = Sums("bacde", 1_000.0)
        found[f"{len(prompt)} {length}"] = codes(submission.sample(model, prompt, length))
        read = sum(time for time, *_ in model.calls)
        found[f"read {len(prompt)} {length}"] = torch.tensor(read <= len(prompt) + length)
        found[f"modes {len(prompt)} {length}"] = torch.tensor([any(flags) for _, *flags in model.calls]).any()
    refused = [refuses(ValueError, submission.sample, Sums("abc", 1.0), prompt, 2) for prompt in ("", "x", "a")]
    refused += [refuses(ValueError, submission.sample, Sums("abc", 1.0), "a", 2, heat) for heat in (-1.0, 0.0, 0.5)]
    return found | {"refused": torch.tensor(refused)}


@workload()
def chance_of_samples(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """At a temperature of 2, shares of 36, 4 and 4 become 0.6, 0.2 and 0.2; at 1, those of 6, 2 and 2 are as they are."""
    rates, texts = [], []
    for shares, heat in (([36.0, 4.0, 4.0], 2.0), ([6.0, 2.0, 2.0], 1.0)):
        drawn = submission.sample(Always(shares), "a", 1_000, heat, seeded(seed))
        rates.append(torch.tensor([drawn.count(character) / 1_000 for character in "abc"]))
    for source in (seeded(seed), seeded(seed), None):
        torch.default_generator.manual_seed(seed + len(texts))
        texts.append(submission.sample(Always([1.0] * 5), "a", 40, generator=source))
    return {"rates": torch.stack(rates).round(decimals=1), "same": torch.tensor([texts[0] == text for text in texts])}


@workload()
def modes(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = []
    for training in (True, False):
        model = Sums("abc", 1.0).train(training)
        submission.bits_per_character(model, "abc")
        found.append(model.training)
        submission.sample(model, "abc", 2)
        found += [model.training, any(trains or graph for _, trains, graph in model.calls)]
    return {"modes": torch.tensor(found)}


class Trap:
    """Unpickled, it writes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (Path(self.path),)


@workload()
def files(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, read = moved(submission.CharRNN("dbeac", 8), seed), ids(seed, 2, 5)
    with TemporaryDirectory() as folder:
        path, trace = os.path.join(folder, "model.pt"), os.path.join(folder, "trace")
        submission.save(model, path)
        again = submission.load(path).eval()
        torch.save({"alphabet": Trap(trace)}, path)
        refused = refuses(Exception, submission.load, path)
        facts = torch.tensor([refused, os.path.exists(trace)])
    return {"alphabet": codes(again.alphabet), "gap": again(read)[0] - model(read)[0], "facts": facts}


@workload()
def training(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """What every training must do: repeat itself, know its alphabet, carry its state, and learn nothing from noise."""
    text, found = letters(seed, 40), {}
    runs = []
    for number in (seed % 1_000, seed % 1_000, seed % 1_000 + 1):
        torch.default_generator.manual_seed(seed + len(runs))
        runs.append(submission.train(text + "zyx", replace(TINY, seed=number)))
    last = [run.eval()(torch.zeros(1, 4, dtype=torch.int64))[0] for run in runs]
    found |= {"alphabet": codes(runs[0].alphabet), "again": last[0] - last[1], "other": (last[0] - last[2]).any()}
    carried = any(remembers(submission, number) for number in range(3))
    return found | {"carried": torch.tensor(carried), "calm": torch.tensor(stays_calm(submission, seed))}


def remembers(submission: ModuleType, seed: int) -> bool:
    """Whether one training finds out what only a carried state can know. Without it, a text of 'aab' costs 2/3 of a bit."""
    model = submission.train("aab" * 160, replace(TINY, window=1, streams=4, passes=2, learning_rate=0.01, seed=seed))
    return submission.bits_per_character(model, "aab" * 20) < 0.6


def stays_calm(submission: ModuleType, seed: int) -> bool:
    """Whether a model that was trained on text drawn at random pays little more for other such text than log₂ 5, 2.3 bits."""
    model = submission.train(letters(seed, 2_400), replace(TINY, streams=4, window=4, grad_clip=1e6))
    return submission.bits_per_character(model, letters(seed + 1, 400)) < 3.2
