"""The scorecard to hand over: one HTML file that prints, or Markdown. It refers to nothing outside itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from grader.interview import minutes
from grader.report import Plot, plots, ratios, template
from grader.scorecard import RoundCard, Scorecard

WIDTH, HEIGHT, EDGE = 640, 84, 16  # of the strip of a round's timeline, in its own units
MARKS = ("save", "verdict", "hint")  # what the strip shows, from below


@dataclass(frozen=True)
class Mark:
    x: float
    y: float
    kind: str  # save, passed, failed or hint


@dataclass(frozen=True)
class Strip:
    """A round's timeline drawn to scale; `end` is where its minutes were over."""

    marks: tuple[Mark, ...]
    end: float
    summary: str


@dataclass(frozen=True)
class Measured:
    """The benchmark of a round's answer."""

    rows: list[tuple[str, ...]]
    plots: list[Plot]
    why_not: str


def html(card: Scorecard) -> str:
    return template("scorecard.html").render(
        card=card, clock=minutes, strips={round.ordinal: strip(round) for round in card.rounds}, measured=_measured(card),
        strip_width=WIDTH, strip_height=HEIGHT, strip_edge=EDGE,
    )  # fmt: skip


def markdown(card: Scorecard) -> str:
    return template("scorecard.md").render(card=card, clock=minutes, measured=_measured(card), line=_line)


def _line(text: str) -> str:
    """As a cell of a table: what was written over several lines, or with bars, does not end it."""
    return " ".join(text.split()).replace("|", "\\|")


def _measured(card: Scorecard) -> dict[int, Measured]:
    at = datetime.fromisoformat(card.date).timestamp()
    return {
        round.ordinal: Measured(
            ratios(round.exercise, at, round.benchmark["timings"]),
            plots(round.exercise, at, round.benchmark["growth"]),
            round.benchmark.get("why", ""),
        )
        for round in card.rounds
    }


def strip(round: RoundCard) -> Strip:
    length = max(60 * round.minutes, round.used, 1.0)
    x = lambda clock: EDGE + (WIDTH - 2 * EDGE) * min(clock / length, 1.0)
    marks = tuple(
        Mark(x(event.clock), HEIGHT - 28 - 18 * MARKS.index(event.kind), _shape(event.kind, event.what))
        for event in round.timeline
        if event.kind in MARKS
    )
    return Strip(marks, x(60 * round.minutes), "; ".join(_counts(marks)) or "nothing was saved")


def _shape(kind: str, what: str) -> str:
    return kind if kind != "verdict" else "passed" if what.startswith("passed") else "failed"


def _counts(marks: tuple[Mark, ...]) -> Iterator[str]:
    names = {"save": "saves", "failed": "verdicts that did not pass", "passed": "verdicts that passed", "hint": "hints"}
    for kind, name in names.items():
        count = sum(mark.kind == kind for mark in marks)
        if count:
            yield f"{name}: {count}"
