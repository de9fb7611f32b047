"""What was asked for on the command line, and the recipe that follows. Imports no torch."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from grader.training.recipe import PRESETS, TRICKS, Recipe, RunError

RUNS = Path("runs")


@dataclass(frozen=True)
class Request:
    """None: not asked for, so the preset, or the run that is resumed, decides."""

    preset: str | None = None
    steps: int | None = None
    data: Path | None = None
    out: Path | None = None
    resume: bool = False
    device: str = "cpu"
    mine: bool = False
    processes: int = 1
    without: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()  # each 'name=value'

    @property
    def preset_name(self) -> str:
        return self.preset or "tiny"

    def recipe(self) -> Recipe:
        """Of a new run. Raises RunError for what no run can have."""
        if self.preset_name not in PRESETS:
            raise RunError(f"no preset {self.preset!r}; there are {', '.join(PRESETS)}")
        return self.laid_over(PRESETS[self.preset_name])

    def laid_over(self, recipe: Recipe) -> Recipe:
        """`recipe` with all that was asked for. Raises RunError."""
        unknown = [name for name in self.without if name not in TRICKS]
        if unknown:
            raise RunError(f"no trick {unknown[0]!r}; there are {', '.join(TRICKS)}")
        if self.steps is not None:
            recipe = recipe.but(steps=self.steps)
        changed = recipe.but(**dict(map(_change, self.changes))).without(*self.without)
        return changed.checked(self.processes)

    def arguments(self, out: Path) -> list[str]:
        """The same request, as the command line of one of several processes."""
        found = ["--out", str(out), "--device", self.device, "--processes", str(self.processes)]
        for name, value in (("--preset", self.preset), ("--steps", self.steps), ("--data", self.data)):
            found += [name, str(value)] if value is not None else []
        found += ["--resume"] if self.resume else []
        return found + list(_each("--without", self.without)) + list(_each("--set", self.changes))


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    kinds = {each.name: each.type for each in fields(Recipe) if each.type in (int, float)}
    if name not in kinds or not equals:
        raise RunError(f"--set {text}: it reads NAME=NUMBER, with a NAME of {', '.join(kinds)}")
    try:
        number = kinds[name](value)
    except ValueError:
        raise RunError(f"--set {text}: {value!r} is no {'whole ' if kinds[name] is int else ''}number") from None
    return name, number


def _each(option: str, values: Iterable[str]) -> Iterable[str]:
    for value in values:
        yield from (option, value)
