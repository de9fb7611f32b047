"""The folder of a run: config.json, metrics.jsonl, loss.png, checkpoints/ and, for BPE, tokenizer.json."""

import fcntl
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader.catalogue import write_whole
from grader.training.recipe import Recipe, RunError

KEPT = 2  # checkpoints: the last one, and the one before it in case the disk spoils the last


@dataclass(frozen=True)
class Config:
    """What config.json holds."""

    preset: str
    recipe: Recipe
    data: str  # a path; '' for the built-in text
    text_sha256: str
    pieces: dict[str, str]  # piece: the sha256 of the learner's source; empty without --mine

    def difference(self, other: "Config") -> str:
        """The first thing in which two runs differ, as 'width is 128 there, not 64'; '' for none."""
        for name in ("preset", "text_sha256", "pieces"):
            if getattr(self, name) != getattr(other, name):
                what = {"text_sha256": "the text", "pieces": "the set of your pieces"}.get(name, name)
                return f"{what} is another one there"
        ours, theirs = other.recipe.to_dict(), self.recipe.to_dict()
        return next((f"{name} is {value} there, not {ours[name]}" for name, value in theirs.items() if ours[name] != value), "")


@dataclass(frozen=True)
class Record:
    """Where a run stands after `step` steps: a line of metrics.jsonl."""

    step: int
    tokens: int  # seen so far
    loss: float  # of the last step, in nats
    rate: float  # the learning rate of that step
    tokens_per_second: float
    mfu: float | None  # the share of the device's peak arithmetic
    seconds: float  # since the run began or was resumed
    held_out: float | None = None  # nats; where it was measured
    bits_per_byte: float | None = None

    def to_json(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


class RunFolder:
    """Makes and reads the files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self._metrics = path / "metrics.jsonl"
        self._unwritten: list[Record] = []

    def hold(self, begin: Config | None, tokenizer: str = "") -> None:
        """Makes it this process's, for as long as it lives; with `begin`, a new run's. Raises RunError."""
        if begin is not None:
            self._begin(begin, tokenizer)
        try:
            self._lock = open(self.path / "lock", "a")  # noqa: SIM115  # the lock falls when the process ends, however it does
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"another process trains in {self.path}") from None
        except OSError as why:
            raise RunError(f"{self.path}: {why.strerror}") from None

    def _begin(self, config: Config, tokenizer: str) -> None:
        try:
            self.checkpoints.mkdir(parents=True)
            write_whole(self.path / "config.json", json.dumps(asdict(config), indent=1, default=str) + "\n")
            if tokenizer:
                write_whole(self.path / "tokenizer.json", tokenizer)
            self._metrics.touch()
        except OSError as why:
            raise RunError(f"--out {self.path}: {why.strerror}") from None

    def vacant(self) -> None:
        """Raises RunError where something lies there already: nothing is ever overwritten."""
        try:
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                remedy = "--resume goes on with it, another --out begins a new one"
                raise RunError(f"--out {self.path} is not empty; {remedy}")
        except OSError as why:
            raise RunError(f"--out {self.path}: {why.strerror}") from None

    def config(self) -> Config:
        """Raises RunError for a folder that holds no run."""
        path = self.path / "config.json"
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            return Config(**{**saved, "recipe": Recipe.from_dict(saved["recipe"])})
        except OSError as why:
            raise RunError(f"--resume: no run in {self.path} ({path}: {why.strerror})") from None
        except (ValueError, TypeError, KeyError) as why:
            raise RunError(f"--resume: {path} is broken ({type(why).__name__}: {why})") from None

    def last_checkpoint(self) -> Path | None:
        """The furthest one. Raises RunError where the folder for them is gone: a run would silently begin anew."""
        if not self.checkpoints.is_dir():
            raise RunError(f"--resume: the folder {self.checkpoints} is missing; the run can't go on")
        return max(self._saved(), default=None, key=_step)

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step-{step:07}.pt"

    def prune(self) -> None:
        """Keeps the last checkpoints only, and nothing that a killed process left half written."""
        for path in [*sorted(self._saved(), key=_step)[:-KEPT], *self.checkpoints.glob("*.tmp")]:
            path.unlink(missing_ok=True)

    def add(self, record: Record) -> None:
        """Raises RunError where it can't be written; it is kept then, and written with the next one."""
        self._unwritten.append(record)
        lines = "".join(each.to_json() + "\n" for each in self._unwritten)
        size = self._metrics.stat().st_size if self._metrics.exists() else 0
        try:
            with open(self._metrics, "a", encoding="utf-8") as file:
                file.write(lines)
        except OSError as why:
            if self._metrics.exists():
                os.truncate(self._metrics, size)  # no half line
            raise RunError(f"{self._metrics} could not be written: {why.strerror}") from None
        self._unwritten.clear()

    def records(self) -> list[dict[str, Any]]:
        """The lines that are whole; a kill may have cut the last one."""
        found = []
        for line in self._metrics.read_text(encoding="utf-8").splitlines() if self._metrics.exists() else []:
            try:
                found.append(json.loads(line))
            except ValueError:
                break
        return found

    def rewind(self, step: int) -> None:
        """Forgets records after `step`: they will come again."""
        kept = [record for record in self.records() if record["step"] <= step]
        try:
            write_whole(self._metrics, "".join(json.dumps(record) + "\n" for record in kept))
        except OSError as why:
            raise RunError(f"{self._metrics} could not be written: {why.strerror}") from None

    def draw(self) -> None:
        """loss.png. Raises RunError where it can't be written."""
        import matplotlib

        matplotlib.use("agg")
        from matplotlib import pyplot

        figure, axis = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
        records = self.records()
        for name, label, mark in (("loss", "training", ""), ("held_out", "held out", "o")):
            points = [(record["step"], record[name]) for record in records if name in record]
            if points:
                axis.plot(*zip(*points, strict=True), marker=mark, markersize=3, label=label)
                axis.legend()
        axis.set(xlabel="step", ylabel="loss (nats per token)", title=self.path.name)
        axis.grid(alpha=0.3)
        try:
            figure.savefig(self.path / "loss.png", dpi=120)
        except OSError as why:
            raise RunError(f"{self.path / 'loss.png'} could not be written: {why.strerror}") from None
        finally:
            pyplot.close(figure)

    def tokenizer(self) -> str:
        path = self.path / "tokenizer.json"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _saved(self) -> Iterable[Path]:
        return [path for path in self.checkpoints.glob("step-*.pt") if re.fullmatch(r"step-\d+", path.stem)]


def fresh(parent: Path, preset: str) -> Path:
    """The first of PRESET-1, PRESET-2, ... that does not exist."""
    number = 1
    while (parent / f"{preset}-{number}").exists():
        number += 1
    return parent / f"{preset}-{number}"


def newest(parent: Path, preset: str) -> Path:
    """The run of that preset with the highest number. Raises RunError where there is none."""
    found = [path for path in parent.glob(f"{preset}-*") if path.stem.removeprefix(f"{preset}-").isdigit()]
    if not found:
        raise RunError(f"--resume: no run {parent}/{preset}-N here; name its folder with --out")
    return max(found, key=lambda path: int(path.stem.removeprefix(f"{preset}-")))


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))
