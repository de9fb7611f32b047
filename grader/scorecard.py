"""The scorecard: what an interview says about the candidate, each level with the rule that gave it."""

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from grader import rubric
from grader.attempt import fresh_stub
from grader.catalogue import Exercise
from grader.interview import Round, Session, minutes
from grader.journal import Journal
from grader.rows import Attempt, Moment
from grader.rubric import DIMENSIONS, ORAL, Points

BROKEN = ("failed", "error", "timeout")
NEXT = 5  # exercises to go on with, at most
CLOSE = 1.1  # times the reference's time, and an answer counts as fast


@dataclass(frozen=True)
class Happening:
    """`clock`: seconds on the round's clock. `kind` as of a moment, or 'verdict'."""

    clock: float
    kind: str
    what: str


@dataclass(frozen=True)
class Mended:
    """A property that was ever broken; `mended` is None where it was to the end."""

    name: str
    claim: str
    broken: float
    mended: float | None


@dataclass(frozen=True)
class Named:
    """A known mistake that a verdict named."""

    mistake: str
    lesson: str
    clock: float


@dataclass(frozen=True)
class Hint:
    number: int  # from 1
    heading: str
    cost: int  # points
    clock: float


@dataclass(frozen=True)
class Answer:
    """`rating` 1 to 4 with its anchor; None where there is none."""

    exercise: str
    question: str
    rating: int | None
    anchor: str


@dataclass(frozen=True)
class Score:
    dimension: str
    score: int
    anchor: str


@dataclass(frozen=True)
class Note:
    clock: float
    text: str


@dataclass(frozen=True)
class RoundCard:
    """One round. Clocks and times in seconds; `points` is None, and `level` 'not judged', where nothing was."""

    ordinal: int
    kind: str
    exercise: str
    title: str
    weight: float
    minutes: float
    extended: float
    used: float
    paused: float
    ended_by: str
    level: str
    points: int | None
    rule: str
    outcome: str  # of the last save that counts
    first_pass: float | None
    timeline: tuple[Happening, ...]
    properties: tuple[Mended, ...]
    mistakes: tuple[Named, ...]
    hints: tuple[Hint, ...]
    answers: tuple[Answer, ...]
    scores: tuple[Score, ...]
    notes: tuple[Note, ...]
    benchmark: dict[str, Any]  # timings and growth, as a benchmark is stored; 'why' where there is none
    diff: str  # from the stub to the last save that counts


@dataclass(frozen=True)
class Scorecard:
    session: int
    title: str
    date: str
    seed: int
    watched: bool
    finished: bool
    level: str
    points: int | None
    rule: str
    levels: str
    rounds: tuple[RoundCard, ...]
    notes: tuple[Note, ...]  # on the whole session
    strengths: tuple[str, ...]
    next: tuple[tuple[str, str], ...]  # (command, why)
    waiting: str  # what is still to do; '' for nothing

    @classmethod
    def of(cls, journal: Journal, number: int, catalogue: Sequence[Exercise]) -> "Scorecard":
        """Raises LookupError where there is no such session, and JournalError."""
        session = Session.of(journal, number)
        rounds = tuple(_round(journal, round) for round in session.rounds)
        points = rubric.in_all((round.points, round.weight) for round in rounds if round.points is not None)
        return cls(
            session.number, session.title, datetime.fromtimestamp(session.at).strftime("%Y-%m-%d %H:%M"), session.seed,
            session.was_watched, session.is_over, points.level if points else "not judged", points.number if points else None,
            points.rule if points else "no round was judged", rubric.legend(), rounds,
            tuple(Note(moment.at - session.at, moment.detail) for moment in session.moments
                  if moment.kind == "note" and moment.round == 0),
            tuple(line for round in rounds for line in _strengths(round)), tuple(_next(rounds, catalogue)), _waiting(session),
        )  # fmt: skip

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def _waiting(session: Session) -> str:
    again = f"`grader interview --resume {session.number}`"
    if not session.is_over:
        return f"the session is not over: {again} goes on"
    if session.to_grade:
        return f"the last file of round {session.to_grade[0].ordinal} waits for its verdict: {again} gives it"
    if session.to_time:
        return f"the answer of round {session.to_time[0].ordinal} is not timed yet: {again} does it"
    return ""


# One round


def _round(journal: Journal, round: Round) -> RoundCard:
    points = _points(journal, round)
    first = round.passed
    return RoundCard(
        round.ordinal, round.kind, round.row.exercise, round.title, round.row.weight, round.row.minutes, round.extended,
        round.used, sum(end - start for start, end, _ in round.pauses), round.ended_by,
        points.level if points else "not judged", points.number if points else None,
        points.rule if points else _why_not(round), round.final.outcome if round.final else "",
        round.clock_at(first.began) if first else None,
        tuple(_timeline(round)), tuple(_properties(round)), tuple(_mistakes(round)), tuple(_hints(round)),
        tuple(_answers(round)), tuple(_scores(round)),
        tuple(Note(round.clock_at(moment.at), moment.detail) for moment in round.notes),
        json.loads(round.timed.detail) if round.timed else {"timings": [], "growth": []}, _diff(journal, round),
    )  # fmt: skip


def _points(journal: Journal, round: Round) -> Points | None:
    """None of a round that was not begun, or of questions that nobody rated."""
    if round.began is None:
        return None
    if round.ended is not None and round.last_save is not None and round.final is None:
        return None
    if round.exercise is None:
        measured = rubric.of_answers(round.ratings.values(), len(round.cards)) if round.ratings else None
        return rubric.with_scores(measured, round.scores)
    final = round.final
    results = final.verdict.get("properties", []) if final else []
    if round.kind == "debugging":  # most of them held from the beginning, and say nothing
        broken = {each.name for each in _properties(round)}
        results = [result for result in results if result["name"] in broken]
    holding = sum(result["outcome"] == "passed" for result in results)
    passed = final is not None and final.outcome == "passed"
    cards = len(round.exercise.hints)
    measured = rubric.of_code(passed, passed and _is_late(round), holding, len(results), round.hints, cards)
    return rubric.with_scores(measured, round.scores)


def _is_late(round: Round) -> bool:
    """Whether the answer that passed was first saved after the minutes that were set, and so in extended time."""
    final = round.final
    first = next((each for each in round.moments if each.kind == "save" and final and each.detail == final.sha256), None)
    return first is not None and round.clock_at(first.at) > 60 * round.row.minutes + 2


def _why_not(round: Round) -> str:
    if round.began is None:
        return "it was not begun"
    if round.last_save is not None:
        return "its last save waits for a verdict"
    return "no answer was rated and nothing was scored"


def _timeline(round: Round) -> Iterator[Happening]:
    rows: list[tuple[float, Moment | Attempt]] = [(moment.at, moment) for moment in round.moments]
    rows += [(attempt.began, attempt) for attempt in round.attempts]
    for at, row in sorted(rows, key=lambda row: row[0]):
        clock = round.clock_at(at)
        if isinstance(row, Attempt):
            yield Happening(clock, "verdict", _of_verdict(row))
        else:
            text = _of_moment(round, row)
            if text:
                yield Happening(clock, row.kind, text)


def _of_verdict(attempt: Attempt) -> str:
    if attempt.outcome == "started":
        return "a grading that was stopped"
    message = attempt.verdict.get("message", "")
    named = attempt.verdict.get("diagnosis") or []
    looks = f"; looks like: {named[0]['mistake'].replace('_', ' ')}" if named else ""
    return f"{attempt.outcome.replace('_', ' ')}{': ' if message else ''}{message}{looks}"


def _of_moment(round: Round, moment: Moment) -> str:
    """'' for what stands elsewhere on the card."""
    match moment.kind:
        case "begin":
            return "begins"
        case "save":
            return "saved" if round.ended is None or moment.at <= round.ended else "saved after the end: it does not count"
        case "hint":
            return f"hint {int(moment.detail) + 1}"
        case "pause":
            return "the screen was closed" if moment.detail == "closed" else "paused"
        case "resume":
            return "the screen was opened again" if moment.detail == "closed" else "goes on"
        case "extend":
            return f"{moment.detail} minutes more"
        case "ask":
            card, _, step = moment.detail.partition(" ")
            return f"question {int(card) + 1}" if step == "0" else f"question {int(card) + 1}, follow-up {step}"
        case "end":
            return {"time": "time is up", "early": "ended early"}.get(moment.detail, "ends")
    return ""


def _rows(attempt: Attempt) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in attempt.verdict.get("properties", [])}


def _properties(round: Round) -> Iterator[Mended]:
    """Those that were ever broken, in the order of the first time."""
    seen = [(round.clock_at(attempt.began), _rows(attempt)) for attempt in round.verdicts]
    for name in dict.fromkeys(name for _, rows in seen for name, row in rows.items() if row["outcome"] in BROKEN):
        states = [(clock, rows[name]) for clock, rows in seen if name in rows]
        broken = [index for index, (_, row) in enumerate(states) if row["outcome"] in BROKEN]
        after = [clock for clock, row in states[broken[-1] + 1 :] if row["outcome"] == "passed"]
        yield Mended(name, states[0][1].get("claim", ""), states[broken[0]][0], after[0] if after else None)


def _mistakes(round: Round) -> Iterator[Named]:
    seen = set[str]()
    for attempt in round.verdicts:
        for row in attempt.verdict.get("diagnosis", []):
            if row["mistake"] not in seen:
                seen.add(row["mistake"])
                yield Named(row["mistake"], row["lesson"], round.clock_at(attempt.began))


def _hints(round: Round) -> Iterator[Hint]:
    cards = round.exercise.hints if round.exercise else []
    for moment in round.moments:
        number = int(moment.detail) if moment.kind == "hint" else len(cards)
        if number < len(cards):
            cost = rubric.hint_cost(number, len(cards))
            yield Hint(number + 1, cards[number].heading, cost, round.clock_at(moment.at))


def _answers(round: Round) -> Iterator[Answer]:
    for number, (exercise, heading) in enumerate(round.cards):
        rating = round.ratings.get(number)
        yield Answer(exercise, heading, rating, ORAL.anchors[rating - 1] if rating else "not rated")


def _scores(round: Round) -> Iterator[Score]:
    for dimension in DIMENSIONS:
        if dimension.name in round.scores:
            score = round.scores[dimension.name]
            yield Score(dimension.name, score, dimension.anchors[score - 1])


def _diff(journal: Journal, round: Round) -> str:
    if round.exercise is None or round.last_save is None:
        return ""
    stub, end = fresh_stub(round.exercise), journal.source(round.last_save.detail).decode(errors="replace")
    lines = difflib.unified_diff(stub.splitlines(), end.splitlines(), "the stub", "the last save", lineterm="")
    return "\n".join(lines)


# What to take home


def _strengths(round: RoundCard) -> Iterator[str]:
    if round.outcome == "passed" and round.first_pass is not None:
        yield f"{round.title}: passed after {minutes(round.first_pass)} of {minutes(60 * round.minutes)}"
        if not round.hints:
            yield f"{round.title}: no hint was needed"
        mended = [each for each in round.properties if each.mended is not None]
        if mended:
            yield f"{round.title}: mended {len(mended)} broken propert{'ies' if len(mended) > 1 else 'y'}"
    for timing in round.benchmark["timings"]:
        ratio = timing["ratios"].get("yours/solution")
        if ratio and ratio[0] <= CLOSE:
            yield f"{round.title}: as fast as the reference on {timing['workload']} ({ratio[0]:.2f} times its time)"
    for score in round.scores:
        if score.score >= 3:
            yield f"{round.title}, {score.dimension}: {score.anchor}"
    for answer in round.answers:
        if answer.rating == len(ORAL.anchors):
            yield f"a full answer: {answer.question}"


def _next(rounds: Iterable[RoundCard], catalogue: Sequence[Exercise]) -> Iterator[tuple[str, str]]:
    """What was weakest first; where all was well, what builds on it."""
    found, names = dict[str, str](), {exercise.name: exercise for exercise in catalogue}
    judged = sorted((round for round in rounds if round.points is not None), key=lambda round: round.points or 0)
    for round in judged:
        if round.exercise in names and round.level not in ("strong", "solid"):
            found.setdefault(f"grader watch {round.exercise}", f"{round.level} in this interview")
            for name in names[round.exercise].facts.builds_on:
                if name in names and names[name].kind != "oral":
                    found.setdefault(f"grader watch {name}", f"{round.exercise} builds on it")
        for answer in round.answers:
            if (answer.rating or 1) <= 2:
                why = f"an answer was {answer.rating} of 4" if answer.rating else "a question was not rated"
                found.setdefault(f"grader oral {answer.exercise}", why)
    for round in judged:
        for exercise in catalogue if round.level in ("strong", "solid") and round.exercise else ():
            if round.exercise in exercise.facts.builds_on:
                command = "oral" if exercise.kind == "oral" else "watch"
                found.setdefault(f"grader {command} {exercise}", f"it builds on {round.exercise}")
    yield from list(found.items())[:NEXT]
