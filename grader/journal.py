"""The journal: one SQLite file with every graded source, every verdict, every hint, every review and every interview.

A source is stored before it is graded, and so before its verdict is shown.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from grader.database import Database, JournalError, home
from grader.rows import Attempt, Entry, Event, Moment, Review, RoundRow, SessionRow

COLUMNS = "number, exercise, submission, file, sha256, began, outcome, verdict"


def now() -> float:
    """Seconds since the epoch. `GRADER_NOW`, a date or a date and time, stops the clock there."""
    stopped = os.environ.get("GRADER_NOW")
    try:
        return datetime.fromisoformat(stopped).timestamp() if stopped else time.time()
    except ValueError:
        raise JournalError(f"GRADER_NOW={stopped} is no date such as 2027-01-15 or 2027-01-15T09:30") from None


def _attempt(row: tuple[Any, ...]) -> Attempt:
    number, exercise, submission, file, sha256, began, outcome, verdict = row
    return Attempt(number, exercise, submission, file, sha256, began, outcome, json.loads(verdict) if verdict else {})


def _stored(connection: sqlite3.Connection, source: bytes) -> str:
    """The key under which a source is kept."""
    digest = hashlib.sha256(source).hexdigest()
    connection.execute("INSERT OR IGNORE INTO sources VALUES (?, ?)", (digest, source))
    return digest


class Journal(Database):
    """The journal in `folder`. Every method raises JournalError where the file can't be used."""

    def __init__(self, folder: Path | None = None, clock: Callable[[], float] = now) -> None:
        super().__init__((folder or home()) / "journal.db")
        self.clock = clock

    def begin(self, exercise: str, submission: str, file: str, source: bytes, session: int = 0, round: int = 0) -> int:
        """Store a source that is about to be graded; the number of its attempt. `session` and `round` of an interview."""
        with self.writing() as connection:
            row = (exercise, submission, file, _stored(connection, source), self.clock(), session, round)
            done = connection.execute("INSERT INTO attempts VALUES (NULL, ?, ?, ?, ?, ?, 'started', '', '', ?, ?)", row)
            return int(done.lastrowid or 0)

    def finish(self, number: int, outcome: str, verdict: str, mistake: str = "") -> None:
        """Store the verdict (JSON text) of an attempt, and the mistake that it names first."""
        with self.writing() as connection:
            row = (outcome, verdict, mistake, number)
            connection.execute("UPDATE attempts SET outcome = ?, verdict = ?, mistake = ? WHERE number = ?", row)

    def attempts(self, exercise: str | None = None, submission: str = "yours") -> list[Attempt]:
        """The attempts at an exercise, or at all, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM attempts WHERE submission = ? AND (?2 IS NULL OR exercise = ?2) ORDER BY number",
                (submission, exercise),
            )
            return [_attempt(row) for row in rows]

    def attempt(self, number: int) -> Attempt | None:
        with self.reading() as connection:
            row = connection.execute(f"SELECT {COLUMNS} FROM attempts WHERE number = ?", (number,)).fetchone()
            return _attempt(row) if row else None

    def entries(self, exercise: str | None = None) -> list[Entry]:
        """Your attempts in brief, at an exercise or at all, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT number, exercise, began, outcome, mistake, sha256 FROM attempts INDEXED BY attempts_in_brief"
                " WHERE submission = 'yours' AND (?1 IS NULL OR exercise = ?1) ORDER BY number",
                (exercise,),
            )
            return list(map(Entry._make, rows))

    def time(self, exercise: str, times: str, grows: bool) -> None:
        """Store what a benchmark measured (JSON text); `grows`: with curves of growth."""
        with self.writing() as connection:
            row = (exercise, self.clock(), times, grows)
            connection.execute("INSERT INTO benchmarks VALUES (NULL, ?, ?, ?, ?)", row)

    def times(self) -> list[tuple[str, float, dict[str, Any]]]:
        """(exercise, when, times) of the latest benchmark of each exercise, and of its latest with curves of growth."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT exercise, at, times FROM benchmarks WHERE number IN (SELECT max(number) FROM benchmarks"
                " GROUP BY exercise, grows) ORDER BY number"
            )
            return [(exercise, at, json.loads(times)) for exercise, at, times in rows]

    def last(self, exercise: str) -> Attempt | None:
        """The latest attempt of any submission, in practice, that has a verdict."""
        with self.reading() as connection:
            row = connection.execute(
                f"SELECT {COLUMNS} FROM attempts WHERE exercise = ? AND verdict != '' AND session = 0"
                " ORDER BY number DESC LIMIT 1",
                (exercise,),
            ).fetchone()
            return _attempt(row) if row else None

    def outcomes(self) -> dict[str, str]:
        """Per exercise: 'passed' where an attempt of yours ever passed, else 'tried'."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT exercise, max(outcome = 'passed') FROM attempts"
                " WHERE submission = 'yours' AND outcome NOT IN ('not_started', 'kept') GROUP BY exercise"
            )
            return {exercise: "passed" if passed else "tried" for exercise, passed in rows}

    def source(self, sha256: str) -> bytes:
        with self.reading() as connection:
            row = connection.execute("SELECT source FROM sources WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None:
            raise JournalError(f"no source {sha256[:12]} in {self.path}")
        return bytes(row[0])

    def keep(self, exercise: str, file: str, source: bytes) -> int:
        """Store a source that is about to be replaced by a fresh stub."""
        number = self.begin(exercise, "yours", file, source)
        self.finish(number, "kept", "")
        return number

    def hints_shown(self, exercise: str) -> int:
        """How many different ones since the last fresh stub: a new round begins with the first hint."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT count(DISTINCT detail) FROM events WHERE exercise = ?1 AND kind = 'hint' AND number >"
                " (SELECT coalesce(max(number), 0) FROM events WHERE exercise = ?1 AND kind IN ('reset', 'review'))",
                (exercise,),
            ).fetchone()
            return int(row[0])

    def show_hint(self, exercise: str, number: int) -> None:
        self.note(exercise, "hint", number)

    def note(self, exercise: str, kind: str, detail: int = 0) -> None:
        """Store an event, as `Event` lists them."""
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, (SELECT coalesce(max(number), 0) FROM attempts))",
                (exercise, kind, detail, self.clock()),
            )

    def events(self, exercise: str | None = None) -> list[Event]:
        """What happened beside attempts, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT exercise, kind, detail, at, after FROM events WHERE ?1 IS NULL OR exercise = ?1 ORDER BY number",
                (exercise,),
            )
            return list(map(Event._make, rows))

    def review(self, exercise: str, heading: str, rating: str, how: str, state: str, due: float) -> None:
        """Store the rating of a card, with what the scheduler made of it."""
        with self.writing() as connection:
            row = (exercise, heading, self.clock(), rating, how, state, due)
            connection.execute("INSERT INTO reviews VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)

    def correct(self, number: int, rating: str, how: str, state: str, due: float) -> None:
        """Give a stored review another rating."""
        with self.writing() as connection:
            row = (rating, how, state, due, number)
            connection.execute("UPDATE reviews SET rating = ?, how = ?, state = ?, due = ? WHERE number = ?", row)

    def reviews(self, exercise: str | None = None) -> list[Review]:
        """Every rating of every card, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT number, exercise, heading, at, rating, how, state, due FROM reviews WHERE ?1 IS NULL OR exercise = ?1"
                " ORDER BY number",
                (exercise,),
            )
            return list(map(Review._make, rows))

    def setting(self, name: str) -> str:
        """'' where it was never set."""
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
            return str(row[0]) if row else ""

    def set(self, name: str, value: str) -> None:
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def open_session(self, title: str, seed: int, live: bool, rounds: list[RoundRow]) -> int:
        """A new interview with its rounds; its number."""
        with self.writing() as connection:
            row = (title, self.clock(), seed, live)
            number = int(connection.execute("INSERT INTO sessions VALUES (NULL, ?, ?, ?, ?)", row).lastrowid or 0)
            connection.executemany("INSERT INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?)", [(number, *row) for row in rounds])
            return number

    def sessions(self) -> list[SessionRow]:
        """Every interview, oldest first."""
        with self.reading() as connection:
            rows = connection.execute("SELECT number, title, at, seed, live FROM sessions ORDER BY number")
            return list(map(SessionRow._make, rows))

    def session_rounds(self, session: int) -> list[RoundRow]:
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT ordinal, kind, exercise, minutes, weight, cards FROM rounds WHERE session = ? ORDER BY ordinal",
                (session,),
            )
            return list(map(RoundRow._make, rows))

    def happened(
        self, session: int, round: int, kind: str, detail: str = "", by: str = "candidate", at: float | None = None
    ) -> None:
        """Store a moment of an interview; it is of now unless `at` says otherwise."""
        with self.writing() as connection:
            row = (session, round, self.clock() if at is None else at, by, kind, detail)
            connection.execute("INSERT INTO moments VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)

    def saved(self, session: int, round: int, source: bytes) -> None:
        """Store a source that was saved in an interview, graded or not: a moment 'save' with its SHA-256."""
        with self.writing() as connection:
            row = (session, round, self.clock(), _stored(connection, source))
            connection.execute("INSERT INTO moments VALUES (NULL, ?, ?, ?, 'candidate', 'save', ?)", row)

    def moments(self, session: int) -> list[Moment]:
        """What happened in an interview, in the order in which it was written."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT number, round, at, by, kind, detail FROM moments WHERE session = ? ORDER BY number", (session,)
            )
            return list(map(Moment._make, rows))

    def session_attempts(self, session: int) -> list[tuple[int, Attempt]]:
        """(ordinal of the round, attempt), oldest first."""
        with self.reading() as connection:
            rows = connection.execute(f"SELECT round, {COLUMNS} FROM attempts WHERE session = ? ORDER BY number", (session,))
            return [(row[0], _attempt(row[1:])) for row in rows]

    def beat(self, session: int, who: str) -> None:
        """A sign of life of a screen: `who` is candidate or interviewer."""
        with self.writing() as connection:
            row = (session, who, self.clock(), os.getpid())
            connection.execute("INSERT OR REPLACE INTO pulses VALUES (?, ?, ?, ?)", row)

    def pulse(self, session: int, who: str) -> tuple[float, int]:
        """When a screen last gave a sign of life, and its process; zeros where it never did."""
        with self.reading() as connection:
            row = connection.execute("SELECT at, pid FROM pulses WHERE session = ? AND who = ?", (session, who)).fetchone()
            return (float(row[0]), int(row[1])) if row else (0.0, 0)
