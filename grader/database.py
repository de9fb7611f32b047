"""The file behind the journal: opened, checked, brought up to date, and set aside where it is no database.

Write-ahead logging lets two graders work at once and a killed one lose nothing.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

CHECKED_WHOLE = 16 << 20  # bytes; to read a larger file through at every start would cost more than a screen may


class JournalError(Exception):
    """The journal can't be read or written; the message says why, in one line."""


def home() -> Path:
    """Where the journal and the caches live: `GRADER_HOME`, or the platform's folder for user data."""
    return Path(os.environ.get("GRADER_HOME") or platformdirs.user_data_dir("whiteboard", appauthor=False)).absolute()


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


class Database:
    """Opened when first used, or made. Using it raises JournalError where the file can't be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notice = ""  # one line for the user, where something had to be done to the file
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")  # so that a second writer waits instead of failing halfway
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
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
