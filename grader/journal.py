"""The journal: one SQLite file with every graded source, every verdict, every hint, every review and every interview.

A source is stored before it is graded, and so before its verdict is shown. Write-ahead logging lets two graders work at once
and a killed one lose nothing. A file that is no database is set aside, never deleted.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

CHECKED_WHOLE = 16 << 20  # bytes; to read a larger file through at every start would cost more than a screen may

COLUMNS = "number, exercise, submission, file, sha256, began, outcome, verdict"


class JournalError(Exception):
    """The journal can't be read or written; the message says why, in one line."""


def home() -> Path:
    """Where the journal and the caches live: `GRADER_HOME`, or the platform's folder for user data."""
    return Path(os.environ.get("GRADER_HOME") or platformdirs.user_data_dir("whiteboard", appauthor=False)).absolute()


def now() -> float:
    """Seconds since the epoch. `GRADER_NOW`, a date or a date and time, stops the clock there."""
    stopped = os.environ.get("GRADER_NOW")
    try:
        return datetime.fromisoformat(stopped).timestamp() if stopped else time.time()
    except ValueError:
        raise JournalError(f"GRADER_NOW={stopped} is no date such as 2027-01-15 or 2027-01-15T09:30") from None


@dataclass(frozen=True)
class Attempt:
    """One graded source. `outcome` is 'started' where the grader was stopped before its verdict."""

    number: int
    exercise: str
    submission: str
    file: str
    sha256: str
    began: float  # seconds since the epoch
    outcome: str
    verdict: dict[str, Any]  # as `Verdict.to_json` wrote it; empty where there is none


class Entry(NamedTuple):
    """An attempt in brief: thousands are read for one screen. `outcome` is 'kept' for an answer that a fresh stub replaced."""

    number: int
    exercise: str
    began: float
    outcome: str
    mistake: str  # the one that the verdict named first; '' for none
    sha256: str


class Event(NamedTuple):
    """`kind`: brief (it was shown), hint, solution (it was shown), review or reset (a fresh stub), restore (an old answer)."""

    exercise: str
    kind: str
    detail: int  # which hint; 0 otherwise
    at: float
    after: int  # the last attempt before it: an order that no clock can upset


class Review(NamedTuple):
    """One rating of a card: of rebuilding an exercise (heading '') or of an oral question."""

    number: int
    exercise: str
    heading: str
    at: float
    rating: str  # again, hard, good or easy
    how: str  # why this rating; for people
    state: str  # of the scheduler, after it
    due: float


class SessionRow(NamedTuple):
    """A mock interview as it was begun; what became of it are its moments."""

    number: int
    title: str
    at: float
    seed: int
    live: int  # 1 where every save is graded


class RoundRow(NamedTuple):
    """One round of a session, in the order of `ordinal`, from 1."""

    ordinal: int
    kind: str  # coding, debugging or oral
    exercise: str  # '' for an oral round
    minutes: float
    weight: float
    cards: str  # of an oral round: JSON, a list of [exercise, heading]


class Moment(NamedTuple):
    """Something that happened in a session: a row at once, never changed."""

    number: int
    round: int  # its ordinal; 0: of the whole session
    at: float
    by: str  # candidate or interviewer
    kind: str
    detail: str


def _attempt(row: tuple[Any, ...]) -> Attempt:
    number, exercise, submission, file, sha256, began, outcome, verdict = row
    return Attempt(number, exercise, submission, file, sha256, began, outcome, json.loads(verdict) if verdict else {})


def _stored(connection: sqlite3.Connection, source: bytes) -> str:
    """The key under which a source is kept."""
    digest = hashlib.sha256(source).hexdigest()
    connection.execute("INSERT OR IGNORE INTO sources VALUES (?, ?)", (digest, source))
    return digest


def _first(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE sources (sha256 TEXT PRIMARY KEY, source BLOB NOT NULL)")
    connection.execute(
        "CREATE TABLE attempts (number INTEGER PRIMARY KEY, exercise TEXT NOT NULL, submission TEXT NOT NULL,"
        " file TEXT NOT NULL, sha256 TEXT NOT NULL REFERENCES sources, began REAL NOT NULL, outcome TEXT NOT NULL,"
        " verdict TEXT NOT NULL)"
    )
    connection.execute("CREATE INDEX attempts_of ON attempts (exercise, submission, number)")
    connection.execute("CREATE TABLE hints (exercise TEXT NOT NULL, number INTEGER NOT NULL, shown REAL NOT NULL)")


def _second(connection: sqlite3.Connection) -> None:
    """The mistake that a verdict names gets a column, and an index holds all that a screen reads of ten thousand attempts."""
    connection.execute("ALTER TABLE attempts ADD COLUMN mistake TEXT NOT NULL DEFAULT ''")
    connection.execute(
        "UPDATE attempts SET mistake = coalesce(json_extract(verdict, '$.diagnosis[0].mistake'), '') WHERE json_valid(verdict)"
    )
    connection.execute(
        "CREATE INDEX attempts_in_brief ON attempts (submission, number, exercise, began, outcome, mistake, sha256)"
    )
    connection.execute(
        "CREATE TABLE events (number INTEGER PRIMARY KEY, exercise TEXT NOT NULL, kind TEXT NOT NULL, detail INTEGER NOT NULL,"
        " at REAL NOT NULL, after INTEGER NOT NULL)"
    )
    connection.execute(
        "INSERT INTO events SELECT NULL, exercise, 'hint', number, shown, (SELECT coalesce(max(number), 0) FROM attempts"
        " WHERE began <= shown) FROM hints ORDER BY shown"
    )
    connection.execute("DROP TABLE hints")
    connection.execute(
        "CREATE TABLE reviews (number INTEGER PRIMARY KEY, exercise TEXT NOT NULL, heading TEXT NOT NULL, at REAL NOT NULL,"
        " rating TEXT NOT NULL, how TEXT NOT NULL, state TEXT NOT NULL, due REAL NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE benchmarks (number INTEGER PRIMARY KEY, exercise TEXT NOT NULL, at REAL NOT NULL, times TEXT NOT NULL,"
        " grows INTEGER NOT NULL)"
    )
    connection.execute("CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)")


def _third(connection: sqlite3.Connection) -> None:
    """Interviews. Their attempts bear the submission 'interview', so that no count of practice meets them."""
    connection.execute("ALTER TABLE attempts ADD COLUMN session INTEGER NOT NULL DEFAULT 0")
    connection.execute("ALTER TABLE attempts ADD COLUMN round INTEGER NOT NULL DEFAULT 0")
    connection.execute("CREATE INDEX attempts_of_session ON attempts (session, number) WHERE session > 0")
    connection.execute(
        "CREATE TABLE sessions (number INTEGER PRIMARY KEY, title TEXT NOT NULL, at REAL NOT NULL, seed INTEGER NOT NULL,"
        " live INTEGER NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE rounds (session INTEGER NOT NULL REFERENCES sessions, ordinal INTEGER NOT NULL, kind TEXT NOT NULL,"
        " exercise TEXT NOT NULL, minutes REAL NOT NULL, weight REAL NOT NULL, cards TEXT NOT NULL,"
        " PRIMARY KEY (session, ordinal))"
    )
    connection.execute(
        "CREATE TABLE moments (number INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions,"
        " round INTEGER NOT NULL, at REAL NOT NULL, by TEXT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL)"
    )
    connection.execute("CREATE INDEX moments_of ON moments (session, number)")
    connection.execute(
        "CREATE TABLE pulses (session INTEGER NOT NULL, who TEXT NOT NULL, at REAL NOT NULL, pid INTEGER NOT NULL,"
        " PRIMARY KEY (session, who))"
    )


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [
    _first,
    _second,
    _third,
]  # number n takes a file from n - 1 to n; append only


class Journal:
    """Opens, or makes, the journal in `folder`. Every method raises JournalError where the file can't be used."""

    def __init__(self, folder: Path | None = None, clock: Callable[[], float] = now) -> None:
        self.path = (folder or home()) / "journal.db"
        self.clock = clock
        self.notice = ""  # one line for the user, where something had to be done to the file
        self._connection: sqlite3.Connection | None = None

    def begin(self, exercise: str, submission: str, file: str, source: bytes, session: int = 0, round: int = 0) -> int:
        """Store a source that is about to be graded; the number of its attempt. `session` and `round` of an interview."""
        with self._writing() as connection:
            row = (exercise, submission, file, _stored(connection, source), self.clock(), session, round)
            done = connection.execute("INSERT INTO attempts VALUES (NULL, ?, ?, ?, ?, ?, 'started', '', '', ?, ?)", row)
            return int(done.lastrowid or 0)

    def finish(self, number: int, outcome: str, verdict: str, mistake: str = "") -> None:
        """Store the verdict (JSON text) of an attempt, and the mistake that it names first."""
        with self._writing() as connection:
            row = (outcome, verdict, mistake, number)
            connection.execute("UPDATE attempts SET outcome = ?, verdict = ?, mistake = ? WHERE number = ?", row)

    def attempts(self, exercise: str | None = None, submission: str = "yours") -> list[Attempt]:
        """The attempts at an exercise, or at all, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM attempts WHERE submission = ? AND (?2 IS NULL OR exercise = ?2) ORDER BY number",
                (submission, exercise),
            )
            return [_attempt(row) for row in rows]

    def attempt(self, number: int) -> Attempt | None:
        with self._reading() as connection:
            row = connection.execute(f"SELECT {COLUMNS} FROM attempts WHERE number = ?", (number,)).fetchone()
            return _attempt(row) if row else None

    def entries(self, exercise: str | None = None) -> list[Entry]:
        """Your attempts in brief, at an exercise or at all, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT number, exercise, began, outcome, mistake, sha256 FROM attempts INDEXED BY attempts_in_brief"
                " WHERE submission = 'yours' AND (?1 IS NULL OR exercise = ?1) ORDER BY number",
                (exercise,),
            )
            return list(map(Entry._make, rows))

    def time(self, exercise: str, times: str, grows: bool) -> None:
        """Store what a benchmark measured (JSON text); `grows`: with curves of growth."""
        with self._writing() as connection:
            row = (exercise, self.clock(), times, grows)
            connection.execute("INSERT INTO benchmarks VALUES (NULL, ?, ?, ?, ?)", row)

    def times(self) -> list[tuple[str, float, dict[str, Any]]]:
        """(exercise, when, times) of the latest benchmark of each exercise, and of its latest with curves of growth."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT exercise, at, times FROM benchmarks WHERE number IN (SELECT max(number) FROM benchmarks"
                " GROUP BY exercise, grows) ORDER BY number"
            )
            return [(exercise, at, json.loads(times)) for exercise, at, times in rows]

    def last(self, exercise: str) -> Attempt | None:
        """The latest attempt of any submission, in practice, that has a verdict."""
        with self._reading() as connection:
            row = connection.execute(
                f"SELECT {COLUMNS} FROM attempts WHERE exercise = ? AND verdict != '' AND session = 0"
                " ORDER BY number DESC LIMIT 1",
                (exercise,),
            ).fetchone()
            return _attempt(row) if row else None

    def outcomes(self) -> dict[str, str]:
        """Per exercise: 'passed' where an attempt of yours ever passed, else 'tried'."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT exercise, max(outcome = 'passed') FROM attempts"
                " WHERE submission = 'yours' AND outcome NOT IN ('not_started', 'kept') GROUP BY exercise"
            )
            return {exercise: "passed" if passed else "tried" for exercise, passed in rows}

    def source(self, sha256: str) -> bytes:
        with self._reading() as connection:
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
        with self._reading() as connection:
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
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, (SELECT coalesce(max(number), 0) FROM attempts))",
                (exercise, kind, detail, self.clock()),
            )

    def events(self, exercise: str | None = None) -> list[Event]:
        """What happened beside attempts, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT exercise, kind, detail, at, after FROM events WHERE ?1 IS NULL OR exercise = ?1 ORDER BY number",
                (exercise,),
            )
            return list(map(Event._make, rows))

    def review(self, exercise: str, heading: str, rating: str, how: str, state: str, due: float) -> None:
        """Store the rating of a card, with what the scheduler made of it."""
        with self._writing() as connection:
            row = (exercise, heading, self.clock(), rating, how, state, due)
            connection.execute("INSERT INTO reviews VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)

    def correct(self, number: int, rating: str, how: str, state: str, due: float) -> None:
        """Give a stored review another rating."""
        with self._writing() as connection:
            row = (rating, how, state, due, number)
            connection.execute("UPDATE reviews SET rating = ?, how = ?, state = ?, due = ? WHERE number = ?", row)

    def reviews(self, exercise: str | None = None) -> list[Review]:
        """Every rating of every card, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT number, exercise, heading, at, rating, how, state, due FROM reviews WHERE ?1 IS NULL OR exercise = ?1"
                " ORDER BY number",
                (exercise,),
            )
            return list(map(Review._make, rows))

    def setting(self, name: str) -> str:
        """'' where it was never set."""
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
            return str(row[0]) if row else ""

    def set(self, name: str, value: str) -> None:
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def open_session(self, title: str, seed: int, live: bool, rounds: list[RoundRow]) -> int:
        """A new interview with its rounds; its number."""
        with self._writing() as connection:
            row = (title, self.clock(), seed, live)
            number = int(connection.execute("INSERT INTO sessions VALUES (NULL, ?, ?, ?, ?)", row).lastrowid or 0)
            connection.executemany("INSERT INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?)", [(number, *row) for row in rounds])
            return number

    def sessions(self) -> list[SessionRow]:
        """Every interview, oldest first."""
        with self._reading() as connection:
            rows = connection.execute("SELECT number, title, at, seed, live FROM sessions ORDER BY number")
            return list(map(SessionRow._make, rows))

    def session_rounds(self, session: int) -> list[RoundRow]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT ordinal, kind, exercise, minutes, weight, cards FROM rounds WHERE session = ? ORDER BY ordinal",
                (session,),
            )
            return list(map(RoundRow._make, rows))

    def happened(
        self, session: int, round: int, kind: str, detail: str = "", by: str = "candidate", at: float | None = None
    ) -> None:
        """Store a moment of an interview; it is of now unless `at` says otherwise."""
        with self._writing() as connection:
            row = (session, round, self.clock() if at is None else at, by, kind, detail)
            connection.execute("INSERT INTO moments VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)

    def saved(self, session: int, round: int, source: bytes) -> None:
        """Store a source that was saved in an interview, graded or not: a moment 'save' with its SHA-256."""
        with self._writing() as connection:
            row = (session, round, self.clock(), _stored(connection, source))
            connection.execute("INSERT INTO moments VALUES (NULL, ?, ?, ?, 'candidate', 'save', ?)", row)

    def moments(self, session: int) -> list[Moment]:
        """What happened in an interview, in the order in which it was written."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT number, round, at, by, kind, detail FROM moments WHERE session = ? ORDER BY number", (session,)
            )
            return list(map(Moment._make, rows))

    def session_attempts(self, session: int) -> list[tuple[int, Attempt]]:
        """(ordinal of the round, attempt), oldest first."""
        with self._reading() as connection:
            rows = connection.execute(f"SELECT round, {COLUMNS} FROM attempts WHERE session = ? ORDER BY number", (session,))
            return [(row[0], _attempt(row[1:])) for row in rows]

    def beat(self, session: int, who: str) -> None:
        """A sign of life of a screen: `who` is candidate or interviewer."""
        with self._writing() as connection:
            row = (session, who, self.clock(), os.getpid())
            connection.execute("INSERT OR REPLACE INTO pulses VALUES (?, ?, ?, ?)", row)

    def pulse(self, session: int, who: str) -> tuple[float, int]:
        """When a screen last gave a sign of life, and its process; zeros where it never did."""
        with self._reading() as connection:
            row = connection.execute("SELECT at, pid FROM pulses WHERE session = ? AND who = ?", (session, who)).fetchone()
            return (float(row[0]), int(row[1])) if row else (0.0, 0)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")  # so that a second writer waits instead of failing halfway
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._connection is None:
                self._connection = self._open()
            yield self._connection
        except (sqlite3.Error, OSError) as why:
            raise JournalError(f"the journal {self.path} can't be used: {why}") from why

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._connected()
        except sqlite3.OperationalError:  # locked, read-only, disk full: not the file's fault
            raise
        except sqlite3.DatabaseError as why:
            aside = self._set_aside()
            self.notice = f"the journal was unreadable ({why}); it was set aside as {aside} and a new one begun"
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=15, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            if self.path.stat().st_size <= CHECKED_WHOLE:
                broken = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if broken != "ok":
                    raise sqlite3.DatabaseError(broken)
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise JournalError(f"the journal {self.path} was written by a newer grader (version {version}); update this one")
        if version == len(MIGRATIONS):
            return
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]  # another grader may have been quicker
        for number, migration in enumerate(MIGRATIONS[version:], version + 1):
            migration(connection)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")

    def _set_aside(self) -> Path:
        aside = self.path.with_name(f"journal-unreadable-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.db")
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{self.path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        return aside
