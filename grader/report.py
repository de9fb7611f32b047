"""Your progress as one HTML file: tables first, then plots of the same numbers. It refers to nothing outside itself."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.progress import Progress

if TYPE_CHECKING:
    from jinja2 import Template

WIDTH, HEIGHT, MARGIN, EDGE = 640, 280, 64, 30  # of a plot, in its own units
WEEKS = 26  # of the plot of attempts, at most
RUNNERS = {"yours": "yours", "solution": "reference", "torch": "torch"}


@dataclass(frozen=True)
class Bar:
    """`share` of the full length, in [0, 1]; `text` says the number."""

    label: str
    share: float
    text: str


@dataclass(frozen=True)
class Curve:
    """`points` for an SVG polyline; `markers` are the same as pairs."""

    runner: str
    label: str
    points: str
    markers: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Plot:
    """Time by length, both on logarithmic axes; `rows` hold the same numbers for the table beside it."""

    exercise: str
    workload: str
    axis: str
    measured: str
    curves: tuple[Curve, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    lengths: tuple[int, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def summary(self) -> str:
        """What the plot says, for whoever does not see it."""
        return f"time of {self.workload} by {self.axis}: " + "; ".join(curve.label for curve in self.curves)


def template(name: str) -> "Template":
    """A page of this folder; what it shows is escaped where the page is HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.globals.update(width=WIDTH, height=HEIGHT, margin=MARGIN, edge=EDGE)
    return environment.get_template(name)


def written(progress: Progress, times: Sequence[tuple[str, float, dict[str, Any]]]) -> str:
    """The page. `times` as `Journal.times` gives them."""
    latest = {exercise: (at, measured) for exercise, at, measured in times}
    growing = {exercise: (at, measured) for exercise, at, measured in times if measured["growth"]}
    drawn = [plot for exercise, (at, measured) in growing.items() for plot in plots(exercise, at, measured["growth"])]
    return template("report.html").render(
        progress=progress,
        today=_day(progress.now),
        by_state=Counter(progress.states.values()),
        weeks=_bars(_by_week(progress), lambda count: str(count)),
        speeds=_speeds(progress),
        mistakes=_bars([(f"{name.replace('_', ' ')} ({exercise})", count) for exercise, name, count in progress.mistakes], str),
        coming=progress.coming,
        ratios=[row for exercise, (at, measured) in latest.items() for row in ratios(exercise, at, measured["timings"])],
        plots=drawn,
        day=_day,
    )


def _day(at: float) -> str:
    return date.fromtimestamp(at).isoformat()


def _bars(rows: Sequence[tuple[str, float]], text: Any) -> list[Bar]:
    most = max((number for _, number in rows), default=0)
    return [Bar(label, number / most if most else 0, text(number)) for label, number in rows]


def _by_week(progress: Progress) -> list[tuple[str, float]]:
    """(Monday, attempts), from your first week or the last half year, with the empty weeks between."""
    monday = lambda at: date.fromtimestamp(at) - timedelta(date.fromtimestamp(at).weekday())
    count = Counter(monday(entry.began) for entry in progress.entries if entry.outcome != "kept")
    if not count:
        return []
    last = max(monday(progress.now), max(count))
    first = max(min(count), last - timedelta(7 * (WEEKS - 1)))
    weeks = [first + timedelta(7 * week) for week in range((last - first).days // 7 + 1)]
    return [(week.isoformat(), count[week]) for week in weeks]


def _speeds(progress: Progress) -> list[tuple[str, int, list[Bar]]]:
    """Per exercise that you passed: its name, its minutes, and a bar for each round that ended in a pass."""
    found = []
    for exercise in progress.exercises:
        passed = [round for round in progress.rounds.get(exercise.name, []) if round.passed and not round.is_restored]
        most = max([exercise.facts.minutes, *(round.minutes for round in passed)])
        bars = [
            Bar(
                _day(round.passed.began),
                round.minutes / most,
                f"{round.minutes:.0f} min" if round.is_timed else "time unknown",
            )
            for round in passed
            if round.passed
        ]
        if bars:
            found.append((exercise.name, exercise.facts.minutes, bars))
    return found


def ratios(exercise: str, at: float, timings: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """(exercise, day, workload, beside what, ratio with its interval)."""
    names = {"yours/solution": "the reference", "yours/torch": "torch"}
    return [
        (exercise, _day(at), timing["workload"], names[key], f"{middle:.2f}x, {low:.2f} to {high:.2f}")
        for timing in timings
        for key, (middle, low, high) in timing["ratios"].items()
        if key in names
    ]


def plots(exercise: str, at: float, growth: Iterable[dict[str, Any]]) -> list[Plot]:
    by_workload: dict[str, list[dict[str, Any]]] = {}
    for curve in growth:
        by_workload.setdefault(curve["workload"], []).append(curve)
    return [_plot(exercise, _day(at), workload, curves) for workload, curves in by_workload.items()]


def _plot(exercise: str, measured: str, workload: str, curves: list[dict[str, Any]]) -> Plot:
    """In multiples of the quickest call: a bare time says more about the machine than about the answer."""
    quickest = min(min(curve["seconds"]) for curve in curves)
    multiples = {curve["runner"]: [second / quickest for second in curve["seconds"]] for curve in curves}
    lengths = sorted({length for curve in curves for length in curve["lengths"]})
    x = _scale(lengths[0], lengths[-1], MARGIN, WIDTH - EDGE)
    top = max(max(values) for values in multiples.values())
    y = _scale(1.0, max(top, 10.0), HEIGHT - MARGIN, EDGE)
    drawn = []
    for curve in curves:
        name = RUNNERS.get(curve["runner"], curve["runner"])
        pairs = zip(curve["lengths"], multiples[curve["runner"]], strict=True)
        places = tuple((x(length), y(value)) for length, value in pairs)
        label = f"{name} grows as {curve['axis']} to the power of {curve['time'][0]:.2f}"
        drawn.append(Curve(curve["runner"], label, " ".join(f"{a},{b}" for a, b in places), places))
    decades = [10.0**power for power in range(math.floor(math.log10(max(top, 10.0))) + 1)]
    rows = tuple((RUNNERS.get(name, name), tuple(f"{value:.3g}" for value in values)) for name, values in multiples.items())
    return Plot(
        exercise, workload, curves[0]["axis"], measured, tuple(drawn),
        tuple(Tick(x(length), f"{length:,}") for length in lengths), tuple(Tick(y(value), f"{value:g}x") for value in decades),
        tuple(curves[0]["lengths"]), rows,
    )  # fmt: skip


def _scale(low: float, high: float, start: float, end: float) -> Any:
    """Logarithmic: `low` at `start`, `high` at `end`."""
    span = math.log(high / low) or 1.0
    return lambda value: round(start + (end - start) * math.log(value / low) / span, 1)
