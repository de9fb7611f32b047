"""A mock interview as the journal's rows tell it: which round runs, what its clock says, what was saved, asked and scored.

Nothing is kept beside the rows, so that a screen that is killed and opened again knows all that it knew.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

from grader.catalogue import Exercise
from grader.database import home
from grader.journal import Journal
from grader.pack import Drawn
from grader.rows import Attempt, Moment, RoundRow
from grader.rubric import DIMENSIONS, SCORES

SILENCE = 15.0  # seconds without a sign of life, and a screen counts as closed
EXTENSION = 5.0  # minutes


@dataclass(frozen=True)
class Copy(Exercise):
    """An exercise whose file lies in a session's folder: the learner's own stays as it is."""

    file: Path

    @property
    def stub(self) -> Path:
        return self.file


def folder_of(session: int) -> Path:
    return home() / "interviews" / str(session)


@dataclass(frozen=True)
class Asked:
    """Where an oral round stands: `card` and `step` count from 0; step 0 is the question, the others its follow-ups."""

    card: int
    step: int
    is_revealed: bool


@dataclass(frozen=True)
class Round:
    """One round, with the rows that belong to it. Times are seconds since the epoch."""

    row: RoundRow
    session: int
    moments: tuple[Moment, ...]
    attempts: tuple[Attempt, ...]
    until: float  # when the session was last known to run: now, or the last sign of life

    @property
    def ordinal(self) -> int:
        return self.row.ordinal

    @property
    def kind(self) -> str:
        return self.row.kind

    @cached_property
    def exercise(self) -> Copy | None:
        """With the file in the session's folder; None of an oral round, and where the exercise is gone from the catalogue."""
        name = self.row.exercise
        copy = Copy(name, folder_of(self.session) / f"{self.ordinal}_{name}" / f"{name}.py")
        return copy if name and copy.tests.exists() else None

    @property
    def title(self) -> str:
        if self.exercise is None:
            return self.row.exercise or f"{len(self.cards)} question{'s' if len(self.cards) > 1 else ''}"
        return self.exercise.title

    @cached_property
    def cards(self) -> list[tuple[str, str]]:
        """(exercise, heading) of each question."""
        return [(exercise, heading) for exercise, heading in json.loads(self.row.cards)]

    def _first(self, kind: str) -> Moment | None:
        return next((moment for moment in self.moments if moment.kind == kind), None)

    @cached_property
    def began(self) -> float | None:
        found = self._first("begin")
        return found.at if found else None

    @cached_property
    def ended(self) -> float | None:
        found = self._first("end")
        return found.at if found else None

    @property
    def ended_by(self) -> str:
        """done, time or early; '' while it runs."""
        found = self._first("end")
        return found.detail if found else ""

    # Its clock

    @cached_property
    def pauses(self) -> list[tuple[float, float, str]]:
        """(from, to, why) of each pause; `to` is `until` where it lasts. `why` is 'closed' for a screen that was gone."""
        found, since = list[tuple[float, float, str]](), None
        for moment in self.moments:
            if moment.kind == "pause" and since is None:
                since = moment
            elif moment.kind in ("resume", "end") and since is not None:
                found.append((since.at, max(moment.at, since.at), since.detail))
                since = None
        if since is not None:
            found.append((since.at, max(self.until, since.at), since.detail))
        return found

    @property
    def is_paused(self) -> bool:
        kinds = [moment.kind for moment in self.moments if moment.kind in ("pause", "resume", "end")]
        return bool(kinds) and kinds[-1] == "pause"

    @property
    def allowed(self) -> float:
        """Seconds, extensions included."""
        return 60 * (self.row.minutes + self.extended)

    @property
    def extended(self) -> float:
        """Minutes."""
        return sum(float(moment.detail) for moment in self.moments if moment.kind == "extend")

    @property
    def used(self) -> float:
        """Seconds on its clock."""
        return self.clock_at(self.ended if self.ended is not None else self.until)

    @property
    def left(self) -> float:
        return self.allowed - self.used

    def clock_at(self, at: float) -> float:
        """What the clock had counted then, in seconds: the time since it began, pauses left out."""
        if self.began is None:
            return 0.0
        at = min(at, self.ended) if self.ended is not None else at
        away = sum(max(0.0, min(end, at) - max(start, self.began)) for start, end, _ in self.pauses)
        return max(0.0, at - self.began - away)

    # Its code

    @cached_property
    def last_save(self) -> Moment | None:
        """The one that counts: the last before the end."""
        saves = [moment for moment in self.moments if moment.kind == "save" and self._counts(moment.at)]
        return saves[-1] if saves else None

    def _counts(self, at: float) -> bool:
        return self.ended is None or at <= self.ended

    @cached_property
    def verdicts(self) -> list[Attempt]:
        """Those that were given, and those on which the grader was stopped left out."""
        return [attempt for attempt in self.attempts if attempt.outcome != "started"]

    @property
    def final(self) -> Attempt | None:
        """The verdict on the last save that counts."""
        save = self.last_save
        same = [attempt for attempt in self.verdicts if save is not None and attempt.sha256 == save.detail]
        return same[-1] if same else None

    @property
    def passed(self) -> Attempt | None:
        return next((attempt for attempt in self.verdicts if attempt.outcome == "passed"), None)

    @property
    def hints(self) -> list[int]:
        return sorted({int(moment.detail) for moment in self.moments if moment.kind == "hint"})

    # Its questions

    @property
    def asked(self) -> Asked | None:
        """None before the first question."""
        found = None
        for moment in self.moments:
            if moment.kind == "ask":
                card, _, step = moment.detail.partition(" ")
                found = Asked(int(card), int(step), False)
            elif moment.kind == "reveal" and found is not None:
                found = Asked(found.card, found.step, True)
        return found

    @property
    def ratings(self) -> dict[int, int]:
        """By card; what an interviewer gave goes before what the candidate gave."""
        given = {"candidate": dict[int, int](), "interviewer": dict[int, int]()}
        for moment in self.moments:
            if moment.kind == "rate":
                card, _, rating = moment.detail.partition(" ")
                given[moment.by][int(card)] = int(rating)
        return given["candidate"] | given["interviewer"]

    # What the interviewer wrote

    @property
    def scores(self) -> dict[str, int]:
        """By dimension, the last one given."""
        found = dict[str, int]()
        for moment in self.moments:
            if moment.kind == "score":
                name, _, score = moment.detail.partition(" ")
                found[name] = int(score)
        return {dimension.name: found[dimension.name] for dimension in DIMENSIONS if found.get(dimension.name) in SCORES}

    @property
    def notes(self) -> list[Moment]:
        return [moment for moment in self.moments if moment.kind == "note"]

    @property
    def timed(self) -> Moment | None:
        """The benchmark of its answer, or why there is none."""
        return self._first("timed")


@dataclass(frozen=True)
class Session:
    """The whole interview, as of `now`."""

    number: int
    title: str
    at: float
    seed: int
    live: bool
    rounds: tuple[Round, ...]
    moments: tuple[Moment, ...]
    now: float
    is_open: bool  # a candidate's screen shows it
    is_watched: bool  # an interviewer's does

    @classmethod
    def of(cls, journal: Journal, number: int) -> "Session":
        """Raises LookupError where there is no such session, and JournalError."""
        row = next((row for row in journal.sessions() if row.number == number), None)
        if row is None:
            raise LookupError(number)
        now, moments, attempts = journal.clock(), journal.moments(number), journal.session_attempts(number)
        pulse, _ = journal.pulse(number, "candidate")
        is_open = is_alive(journal, number, "candidate")
        until = now if is_open else min(now, max([pulse, *(moment.at for moment in moments if moment.by == "candidate")]))
        rounds = tuple(
            Round(
                each,
                number,
                tuple(moment for moment in moments if moment.round == each.ordinal),
                tuple(attempt for ordinal, attempt in attempts if ordinal == each.ordinal),
                until,
            )
            for each in journal.session_rounds(number)
        )
        watched = is_alive(journal, number, "interviewer")
        return cls(number, row.title, row.at, row.seed, bool(row.live), rounds, tuple(moments), now, is_open, watched)

    @property
    def is_over(self) -> bool:
        return any(moment.kind == "close" for moment in self.moments) or all(round.ended is not None for round in self.rounds)

    @property
    def present(self) -> Round | None:
        """The round that runs, or the one to begin; None when the session is over."""
        return None if self.is_over else next(round for round in self.rounds if round.ended is None)

    @property
    def missing(self) -> list[str]:
        """Exercises that are gone from the catalogue since it was begun."""
        needed = [round.row.exercise for round in self.rounds if round.row.exercise]
        needed += [exercise for round in self.rounds for exercise, _ in round.cards]
        return sorted({name for name in needed if not Exercise(name).folder.exists()})

    @property
    def was_watched(self) -> bool:
        return any(moment.by == "interviewer" for moment in self.moments)

    @property
    def to_grade(self) -> list[Round]:
        """Rounds that ended with a save on which there is no verdict yet."""
        ended = [round for round in self.rounds if round.began is not None and (round.ended is not None or self.is_over)]
        return [round for round in ended if round.last_save is not None and round.final is None]

    @property
    def to_time(self) -> list[Round]:
        """Rounds of code that passed in the end and are not timed; only when all is over, since it takes the machine."""
        if not self.is_over or self.to_grade:
            return []
        passed = [round for round in self.rounds if round.final is not None and round.final.outcome == "passed"]
        return [round for round in passed if round.kind == "coding" and round.timed is None]


def is_alive(journal: Journal, session: int, who: str) -> bool:
    """Whether a screen gave a sign of life lately, from a process that still is."""
    at, pid = journal.pulse(session, who)
    return bool(pid) and journal.clock() - at < SILENCE and psutil.pid_exists(pid)


def begun(journal: Journal, title: str, seed: int, live: bool, drawn: Iterable[Drawn]) -> int:
    """A new session; its number."""
    rows = [
        RoundRow(ordinal, each.wanted.kind, each.exercise, each.wanted.minutes, each.wanted.weight, json.dumps(each.cards))
        for ordinal, each in enumerate(drawn, 1)
    ]
    return journal.open_session(title, seed, live, rows)


def found(journal: Journal, which: str) -> int | None:
    """The number of a session: as given, or of the 'last'; None where there is none."""
    numbers = [row.number for row in journal.sessions()]
    if which == "last":
        return numbers[-1] if numbers else None
    return int(which) if re.fullmatch(r"\d{1,9}", which) and int(which) in numbers else None


def unfinished(journal: Journal) -> int | None:
    """The latest session that is not over, or whose answers wait for a verdict."""
    for row in reversed(journal.sessions()):
        session = Session.of(journal, row.number)
        if not session.is_over or session.to_grade or session.to_time:
            return row.number
    return None


def minutes(seconds: float) -> str:
    """On a clock: 12:05, or -0:30."""
    whole = round(abs(seconds))
    return f"{'-' if seconds <= -0.5 else ''}{whole // 60}:{whole % 60:02}"
