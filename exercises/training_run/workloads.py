"""What the audit, the diagnosis and the clock ask of a submission.

Two right answers draw different windows and different tokens, so a workload returns what no draw can change: windows
minus their first token, rates rounded to where chance does not reach, whether two draws were the same. A step is made by
plain gradient descent, because Adam turns a gradient that is zero but for rounding into a whole step.
"""

import os
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW

from exercises.training_run.given import GPT, Config, Record, Watched
from grader.kit import normal, refuses, workload

TINY = Config(vocab=11, context=4, layers=1, heads=2, width=8, batch_size=2, steps=4, warmup=2, eval_interval=2)
Batch = tuple[Tensor, Tensor]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gpt(seed: int, kind: type[GPT] = GPT, **changes: float) -> GPT:
    """A small model with clear preferences."""
    model = kind(replace(TINY, **changes))
    for number, parameter in enumerate(model.parameters()):
        parameter.data = 0.5 * normal(seed + number, *parameter.shape)
    return model


def ids(seed: int, *shape: int) -> Tensor:
    return torch.randint(TINY.vocab, shape, generator=seeded(seed))


def pair(seed: int, rows: int) -> Batch:
    windows = ids(seed, rows, 5)
    return windows[:, :-1], windows[:, 1:]


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def flags(*facts: bool) -> Tensor:
    return torch.tensor(facts)


@workload(time=1, memory=1, rows=[32, 64, 128, 256])
def steps_on_larger_batches(submission: ModuleType, seed: int, rows: int) -> dict[str, Tensor]:
    """The one that is timed: torch has no operator to put beside a whole step."""
    torch.default_generator.manual_seed(seed)
    model = GPT(Config())
    tokens = torch.randint(256, (rows, 33), generator=seeded(seed))
    optimizer = submission.configure_optimizer(model, 1e-3, 0.1, (0.9, 0.99))
    loss = submission.train_step(model, [(tokens[:, :-1], tokens[:, 1:])], optimizer, 1e-3, 1.0, torch.float32)
    return {"loss": torch.tensor(loss)}


# get_batch ------------------------------------------------------------------------------------------------------------


@workload()
def windows(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    only = ids(seed, 10)[::2]  # with a context of four, one window; its memory has gaps
    x, y = submission.get_batch(torch.arange(8), 4_000, 3, seeded(seed))
    only_x, only_y = submission.get_batch(only, 2, 4, seeded(seed))
    starts = (x[:, 0].bincount(minlength=8) / 4_000).round(decimals=1)  # five windows, a fifth each
    return {"run": x - x[:, :1], "shift": y - x, "only x": only_x, "only y": only_y, "starts": starts, "tokens": only}


@workload()
def chance_of_windows(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    tokens, generator = torch.arange(10_000), seeded(seed)
    draws = []
    for source in (generator, generator, seeded(seed)):
        torch.default_generator.manual_seed(seed + len(draws))
        draws.append(submission.get_batch(tokens, 8, 3, source)[0])
    gaps = draws[0][1:, 0] - draws[0][:-1, 0]
    return {"again": flags(torch.equal(draws[0], draws[2]), torch.equal(draws[0], draws[1]), len(gaps.unique()) == 1)}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, generate = gpt(seed), partial(submission.generate, gpt(seed), ids(seed, 1, 2), 2)
    no = partial(refuses, ValueError)
    return {
        "windows": flags(*(no(submission.get_batch, torch.arange(n), 2, 4, seeded(seed)) for n in (0, 3, 4, 5))),
        "targets": flags(*(no(submission.evaluate, model, ids(seed, n), 2, 4) for n in (0, 1, 2))),
        "temperature": flags(*(no(generate, temperature=t) for t in (-1.0, 0.0, 0.5))),
        "top_k": flags(*(no(generate, top_k=k) for k in (-1, 0, 1, 99))),
    }


# configure_optimizer --------------------------------------------------------------------------------------------------


@workload()
def optimizer(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Two steps along given gradients: decay, rate and betas all show in the weights."""
    model = nn.ModuleList([nn.Linear(3, 2), nn.Conv1d(2, 3, 2), nn.LayerNorm(3)])
    for number, parameter in enumerate(model.parameters()):
        parameter.data = normal(seed + number, *parameter.shape)
    optimizer = submission.configure_optimizer(model, 0.1, 0.5, (0.7, 0.8))
    for step in range(2):
        for number, parameter in enumerate(model.parameters()):
            parameter.grad = normal(seed + 10 * step + number + 1, *parameter.shape)
        optimizer.step()
    return {"weights": weights(model), "kind": flags(isinstance(optimizer, AdamW))}


# train_step -----------------------------------------------------------------------------------------------------------


def step_of(submission: ModuleType, model: nn.Module, batches: list[Batch], grad_clip: float = 1e6) -> dict[str, Tensor]:
    """A step by SGD with one group per tensor, each of which comes with another rate."""
    optimizer = SGD([{"params": [p], "lr": 7.0} for p in model.parameters()])
    loss = submission.train_step(model, batches, optimizer, 0.5, grad_clip, torch.float32)
    return {"loss": torch.tensor(loss), "weights": weights(model), "x": batches[0][0], "y": batches[0][1]}


@workload()
def one_micro_batch(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    return step_of(submission, gpt(seed), [pair(seed, 3)])


@workload()
def one_token(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    return step_of(submission, gpt(seed), [(ids(seed, 1, 1), ids(seed + 1, 1, 1))])


@workload()
def unequal_micro_batches(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    return step_of(submission, gpt(seed), [pair(seed, 1), pair(seed + 1, 2), pair(seed + 2, 4)])


@workload()
def clipped(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    return step_of(submission, gpt(seed), [pair(seed, 2), pair(seed + 1, 2)], grad_clip=0.1)


@workload()
def after_another_backward(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model = gpt(seed)
    model(ids(seed, 2, 4)).square().mean().backward()
    return step_of(submission, model, [pair(seed, 2)])


@workload()
def passes_of_a_step(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model = gpt(seed, Watched).eval()
    step_of(submission, model, [pair(seed, 2), pair(seed, 3)])
    return {
        "forward": flags(*(event == "forward" for event in model.order)),
        "training": flags(*(seen.training for seen in model.passes)),
    }


@workload()
def mixed_precision(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Losses of several models, so that one which bfloat16 happens to hold does not hide the rounding of the others."""
    losses, model = [], gpt(seed, Watched)
    for number in range(4):
        model = gpt(seed + number, Watched)
        optimizer = SGD(model.parameters(), lr=0.1)
        losses.append(submission.train_step(model, [pair(seed, 2)], optimizer, 0.1, 1.0, torch.bfloat16))
    kept = flags(model.passes[0].dtype == torch.bfloat16, all(p.dtype == torch.float32 for p in model.parameters()))
    return {"losses": torch.tensor(losses), "dtypes": kept}


# evaluate -------------------------------------------------------------------------------------------------------------


@workload()
def evaluation(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, stored = gpt(seed, dropout=0.5), ids(seed, 60)
    lengths = [(2, 1, 4), (5, 2, 4), (6, 2, 4), (12, 2, 4), (30, 3, 4), (30, 4, 1)]
    losses = [submission.evaluate(model, stored[: 2 * n : 2], batch_size, context) for n, batch_size, context in lengths]
    double = submission.evaluate(model.double(), stored, 2, 3)
    return {"losses": torch.tensor(losses), "double": torch.tensor(double), "tokens": stored}


@workload()
def passes_of_an_evaluation(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {}
    for mode in (True, False):
        model = gpt(seed, Watched).train(mode)
        submission.evaluate(model, ids(seed, 50), 3, 4)
        found[f"{mode}"] = flags(model.training, *(any(column) for column in list(zip(*model.passes, strict=True))[1:3]))
        found[f"{mode} rows"] = torch.tensor(max(seen.rows for seen in model.passes))
    return found


# save_checkpoint, load_checkpoint -------------------------------------------------------------------------------------


def steps(submission: ModuleType, model: nn.Module, optimizer: AdamW, generator: torch.Generator) -> Tensor:
    """Two more steps, on rows that the generator chooses; dropout draws from torch's own."""
    for _ in range(2):
        batch = torch.randint(TINY.vocab, (2, 2, 4), generator=generator)
        submission.train_step(model, [tuple(batch)], optimizer, 0.01, 1.0, torch.float32)
    return weights(model)


@workload()
def resumption(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    runs = [(gpt(seed + n, dropout=0.3), seeded(seed + n)) for n in range(2)]
    (model, generator), (other, another) = [(model, generator) for model, generator in runs]
    optimizer, fresh = AdamW(model.parameters(), lr=0.01), AdamW(other.parameters(), lr=0.01)
    steps(submission, model, optimizer, generator)
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, "run.pt")
        submission.save_checkpoint(path, model, optimizer, 2, generator)
        uninterrupted = steps(submission, model, optimizer, generator)
        step = submission.load_checkpoint(path, other, fresh, another)
        loaded = flags(step == 2)
        resumed = steps(submission, other, fresh, another)
    return {"step": torch.tensor(step), "loaded": loaded, "gap": resumed - uninterrupted}


@workload()
def interrupted_saves(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Once the state cannot be written to its end, once the process dies at the rename: a whole checkpoint is left."""
    model, generator = gpt(seed), seeded(seed)
    optimizer = AdamW(model.parameters(), lr=0.01)
    found = {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.pt"
        submission.save_checkpoint(path, model, optimizer, 1, generator)
        with suppress(Exception):
            submission.save_checkpoint(path, model, optimizer, lambda: "a step that cannot be saved", generator)
        found["unwritten"] = flags(_loads(submission, path, model, optimizer, generator))
        with suppress(KeyboardInterrupt), patch.multiple(os, replace=_killed, rename=_killed):
            submission.save_checkpoint(path, model, optimizer, 2, generator)
        found["not renamed"] = flags(_loads(submission, path, model, optimizer, generator))
        submission.save_checkpoint(path, model, optimizer, 3, generator)
        found["again"] = torch.tensor(submission.load_checkpoint(path, model, optimizer, generator))
    return found


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def _loads(submission: ModuleType, path: Path, *run: object) -> bool:
    try:
        return submission.load_checkpoint(path, *run) in (1, 2)
    except Exception:  # whatever a broken file makes of itself
        return False


# generate -------------------------------------------------------------------------------------------------------------


@workload()
def greedy_text(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, prompts = gpt(seed, dropout=0.5), ids(seed, 7, 24).T
    texts = {f"{time}": submission.generate(model, prompts[:, :time], 5, top_k=1) for time in (1, 4, 7)}
    return {**texts, "none": submission.generate(model, prompts, 0), "prompts": prompts}


class Fixed(nn.Module):
    """Whatever it reads, tokens follow in these proportions (at the temperature for which they are made)."""

    config = SimpleNamespace(context=3, vocab=4)

    def __init__(self, proportions: list[float], temperature: float) -> None:
        super().__init__()
        self.logits = temperature * torch.tensor(proportions).log()

    def forward(self, ids: Tensor) -> Tensor:
        return self.logits.repeat(*ids.shape, 1)


@workload()
def frequencies(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Proportions that rounding cannot mistake."""
    prompt = torch.zeros(4_000, 1, dtype=torch.int64)
    cold = submission.generate(Fixed([6, 2, 1, 1], 2.0), prompt, 1, temperature=2.0)
    top = submission.generate(Fixed([7, 3, 2, 1], 1.0), prompt, 1, top_k=2, generator=seeded(seed))
    plain = submission.generate(Fixed([1, 1, 2, 6], 1.0), prompt, 1, 1.0, 99)
    rates = [text[:, 1].bincount(minlength=4) / 4_000 for text in (cold, top, plain)]
    return {"rates": torch.stack(rates).round(decimals=1)}


@workload()
def chance_of_text(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    model, prompt, texts = Fixed([1, 1, 1, 1], 1.0), torch.zeros(4, 2, dtype=torch.int64), []
    for source in (seeded(seed), seeded(seed), None, None):
        torch.default_generator.manual_seed(seed + min(len(texts), 2))
        texts.append(submission.generate(model, prompt, 16, generator=source))
    first, again, free, free_again = texts
    shorter = submission.generate(model, prompt, 9, generator=seeded(seed))
    rows_differ = len(first.unique(dim=0)) > 1
    same = [torch.equal(a, b) for a, b in ((first, again), (free, free_again), (first, free), (first[:, :11], shorter))]
    return {"same": flags(*same, rows_differ)}


@workload()
def passes_of_a_text(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {}
    for mode in (True, False):
        model = gpt(seed, Watched).train(mode)
        submission.generate(model, ids(seed, 2, 3), 2)
        found[f"{mode}"] = flags(model.training, *(any(column) for column in list(zip(*model.passes, strict=True))[1:3]))
    return found


# train ----------------------------------------------------------------------------------------------------------------


def monotone(seed: int, n: int = 60) -> Tensor:
    """Tokens whose training part is one token repeated: all windows are equal, so that every draw gives one run."""
    return torch.cat([torch.full((n - n // 10,), seed % TINY.vocab), ids(seed, n // 10)])


def table(records: list[Record]) -> dict[str, Tensor]:
    return dict(zip(("step", "loss", "held_out"), map(torch.tensor, zip(*records, strict=True)), strict=True))


@workload()
def run(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    config = replace(TINY, accumulate=2, steps=7, eval_interval=3, learning_rate=0.02, weight_decay=1.0, seed=seed % 1000)
    return table(submission.train(config, monotone(seed), "cpu"))


@workload()
def repeated_runs(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """With dropout and real windows the losses are the submission's own affair; that they come again is not."""
    config, tokens = replace(TINY, dropout=0.3, batch_size=8, seed=seed % 1000), ids(seed, 40)
    other = torch.cat([tokens[:-4], (tokens[-4:] + 1) % TINY.vocab])
    first, again = (submission.train(config, tokens, "cpu") for _ in range(2))
    often = submission.train(replace(config, eval_interval=1), tokens, "cpu")
    larger = submission.train(replace(config, accumulate=2), tokens, "cpu")
    elsewhere = submission.train(config, other, "cpu")
    losses = [[record[1] for record in records] for records in (first, elsewhere)]
    same = [first == again, first == often[1::2], first == larger, losses[0] == losses[1], first == elsewhere]
    return {"same": flags(*same)}
