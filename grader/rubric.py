"""How an interview is judged: what is scored and by which anchors, what a hint costs, and which points give which level."""

from collections.abc import Iterable
from dataclasses import dataclass

SCORES = (1, 2, 3, 4)
HINT_COST, LAST_HINT_COST = 10, 25  # points of a round; the last card nearly gives the answer
LATE_COST = 10  # points: it passed, but in extended time
UNFINISHED = 60  # points at most for an answer that does not pass
LEVELS = ((85, "strong"), (65, "solid"), (40, "mixed"), (0, "weak"))  # the least points of each


@dataclass(frozen=True)
class Dimension:
    """What an interviewer scores from 1 to 4; `anchors` say what each score means."""

    name: str
    anchors: tuple[str, str, str, str]


DIMENSIONS = (
    Dimension("correctness", (
        "nothing that works, or answers that contradict themselves",
        "the main case works; edge cases are missed even when they are named",
        "works; edge cases are handled once they are named",
        "works, edge cases first; says why it is right",
    )),
    Dimension("communication", (
        "silent, or cannot be followed",
        "explains when asked; jumps, or leaves words undefined",
        "thinks aloud; states assumptions and asks what is unclear",
        "leads: plan first, trade-offs named, checks that you follow",
    )),
    Dimension("debugging", (
        "changes lines at random; does not read the counterexample",
        "reads it, but guesses; needs to be told where to look",
        "forms a hypothesis, tests it, finds the cause",
        "narrows it down with a minimal case or an invariant; mends the cause and looks for its relatives",
    )),
    Dimension("depth", (
        "recites names or formulas without their meaning",
        "knows what it does, not why; follow-ups end quickly",
        "knows why; answers the first follow-up with reasons or numbers",
        "derives it; knows limits, costs, and what current models do instead",
    )),
    Dimension("speed", (
        "far from done when time is up",
        "done only with hints or more time",
        "done in time",
        "done early; the rest of the time goes to tests, speed or clarity",
    )),
)  # fmt: skip

ORAL = Dimension("answer", (
    "no answer, or a wrong one",
    "parts of it; the reason is missing",
    "right, with the reason",
    "right, with its limits, and the follow-ups too",
))  # fmt: skip


@dataclass(frozen=True)
class Points:
    """0 to 100, and how they came about, for people."""

    number: int
    why: str

    @property
    def rule(self) -> str:
        return f"{self.number} = {self.why}"

    @property
    def level(self) -> str:
        return level(self.number)


def level(points: float) -> str:
    return next(name for least, name in LEVELS if points >= least)


def legend() -> str:
    """The levels in one line."""
    return ", ".join(f"{name} from {least}" if least else f"{name} below {LEVELS[-2][0]}" for least, name in LEVELS)


def hint_cost(number: int, of: int) -> int:
    """In points of the round; `number` counts from 0."""
    return LAST_HINT_COST if number == of - 1 else HINT_COST


def of_code(passed: bool, is_late: bool, holding: int, properties: int, hints: Iterable[int], cards: int) -> Points:
    """A coding or debugging round: `holding` of `properties` at the end; `hints` that were taken, of so many `cards`."""
    taken = sorted(set(hints))
    if passed:
        points, why = 100, "100 for an answer that passes"
    elif properties:
        points = UNFINISHED * holding // properties
        why = f"{points} for {holding} of {properties} properties, at most {UNFINISHED} without a pass"
    else:
        points, why = 0, "0 for nothing to grade"
    if passed and is_late:
        points, why = points - LATE_COST, f"{why} - {LATE_COST} for extended time"
    if taken:
        cost = sum(hint_cost(number, cards) for number in taken)
        points, why = points - cost, f"{why} - {cost} for {len(taken)} hint{'s' if len(taken) > 1 else ''}"
    return Points(max(points, 0), f"{why}, and never below 0" if points < 0 else why)


def of_answers(ratings: Iterable[int], questions: int) -> Points:
    """An oral round: the mean of the ratings, 1 to 4, where a question that was not reached counts as 1."""
    found = list(ratings)
    mean = (sum(found) + (questions - len(found))) / questions if questions else 1.0
    missing = f", where {questions - len(found)} of {questions} questions without a rating count as 1"
    why = f"100 x ({mean:.2f} - 1) / 3, since the answers have the mean {mean:.2f} of 4"
    return Points(_share(mean), why + (missing if len(found) < questions else ""))


def with_scores(measured: Points | None, scores: dict[str, int]) -> Points | None:
    """Half what was measured, half the interviewer's scores; either alone where there is no other."""
    if not scores:
        return measured
    mean = sum(scores.values()) / len(scores)
    given = Points(_share(mean), f"100 x ({mean:.2f} - 1) / 3, since the interviewer's scores have the mean {mean:.2f} of 4")
    if measured is None:
        return given
    points = round((measured.number + given.number) / 2)
    return Points(points, f"half of {measured.number} ({measured.why}) and half of {given.number} ({given.why})")


def _share(mean: float) -> int:
    return round(100 * (mean - 1) / 3)


def in_all(rounds: Iterable[tuple[int, float]]) -> Points | None:
    """The mean of the rounds' points by their weights; None where no round was judged."""
    found = list(rounds)
    weight = sum(each for _, each in found)
    if not weight:
        return None
    total = round(sum(points * each for points, each in found) / weight)
    return Points(total, " + ".join(f"{each / weight:.2f} x {points}" for points, each in found))
