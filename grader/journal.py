"""The journal: one SQLite file with every graded source, every verdict and every hint that was shown.

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
from pathlib import Path
from typing import Any

import platformdirs


class JournalError(Exception):
    """The journal can't be read or written; the message says why, in one line."""


def home() -> Path:
    """Where the journal and the caches live: `GRADER_HOME`, or the platform's folder for user data."""
    return Path(os.environ.get("GRADER_HOME") or platformdirs.user_data_dir("whiteboard", appauthor=False)).absolute()


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


def _attempt(row: tuple[Any, ...]) -> Attempt:
    number, exercise, submission, file, sha256, began, outcome, verdict = row
    return Attempt(number, exercise, submission, file, sha256, began, outcome, json.loads(verdict) if verdict else {})


def _first(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE sources (sha256 TEXT PRIMARY KEY, source BLOB NOT NULL)")
    connection.execute(
        "CREATE TABLE attempts (number INTEGER PRIMARY KEY, exercise TEXT NOT NULL, submission TEXT NOT NULL,"
        " file TEXT NOT NULL, sha256 TEXT NOT NULL REFERENCES sources, began REAL NOT NULL, outcome TEXT NOT NULL,"
        " verdict TEXT NOT NULL)"
    )
    connection.execute("CREATE INDEX attempts_of ON attempts (exercise, submission, number)")
    connection.execute("CREATE TABLE hints (exercise TEXT NOT NULL, number INTEGER NOT NULL, shown REAL NOT NULL)")


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_first]  # number n takes a file from version n - 1 to n; append only


class Journal:
    """Opens, or makes, the journal in `folder`. Every method raises JournalError where the file can't be used."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or home()) / "journal.db"
        self.notice = ""  # one line for the user, where something had to be done to the file
        self._connection: sqlite3.Connection | None = None

    def begin(self, exercise: str, submission: str, file: str, source: bytes) -> int:
        """Store a source that is about to be graded; the number of its attempt."""
        digest = hashlib.sha256(source).hexdigest()
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO sources VALUES (?, ?)", (digest, source))
            row = (exercise, submission, file, digest, time.time())
            done = connection.execute("INSERT INTO attempts VALUES (NULL, ?, ?, ?, ?, ?, 'started', '')", row)
            return int(done.lastrowid or 0)

    def finish(self, number: int, outcome: str, verdict: str) -> None:
        """Store the verdict (JSON text) of an attempt."""
        with self._writing() as connection:
            connection.execute("UPDATE attempts SET outcome = ?, verdict = ? WHERE number = ?", (outcome, verdict, number))

    def attempts(self, exercise: str | None = None, submission: str = "yours") -> list[Attempt]:
        """The attempts at an exercise, or at all, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT number, exercise, submission, file, sha256, began, outcome, verdict FROM attempts"
                " WHERE submission = ? AND (?2 IS NULL OR exercise = ?2) ORDER BY number",
                (submission, exercise),
            )
            return [_attempt(row) for row in rows]

    def last(self, exercise: str) -> Attempt | None:
        """The latest attempt of any submission that has a verdict."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT number, exercise, submission, file, sha256, began, outcome, verdict FROM attempts"
                " WHERE exercise = ? AND verdict != '' ORDER BY number DESC LIMIT 1",
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
        with self._reading() as connection:
            row = connection.execute("SELECT count(DISTINCT number) FROM hints WHERE exercise = ?", (exercise,)).fetchone()
            return int(row[0])

    def show_hint(self, exercise: str, number: int) -> None:
        with self._writing() as connection:
            connection.execute("INSERT INTO hints VALUES (?, ?, ?)", (exercise, number, time.time()))

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
