"""What the journal promises: nothing recorded is lost, whatever happens to the process, the disk or the file."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grader import database
from grader.catalogue import ROOT
from grader.database import MIGRATIONS, JournalError
from grader.journal import Journal
from grader.rows import RoundRow, SessionRow


def test_an_attempt_is_there_before_its_verdict(tmp_path: Path):
    journal = Journal(tmp_path)
    number = journal.begin("dropout", "yours", "f.py", b"source")
    other = Journal(tmp_path)
    (attempt,) = other.attempts("dropout")
    assert (attempt.number, attempt.outcome, attempt.verdict) == (number, "started", {})
    assert other.source(attempt.sha256) == b"source"
    journal.finish(number, "passed", '{"outcome": "passed"}')
    assert other.last("dropout").verdict == {"outcome": "passed"}
    assert other.outcomes() == {"dropout": "passed"}


def test_a_kept_answer_is_no_attempt_at_passing(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.keep("dropout", "f.py", b"old")
    assert journal.outcomes() == {}
    assert [attempt.outcome for attempt in journal.attempts("dropout")] == ["kept"]


def test_hints_are_remembered(tmp_path: Path):
    journal = Journal(tmp_path)
    for number in (0, 1, 1):
        journal.show_hint("dropout", number)
    assert Journal(tmp_path).hints_shown("dropout") == 2
    assert Journal(tmp_path).hints_shown("attention") == 0


def test_two_writers_lose_nothing(tmp_path: Path):
    def write(writer: int) -> None:
        journal = Journal(tmp_path)
        for turn in range(20):
            journal.finish(journal.begin(f"e{writer}", "yours", "f", f"{writer} {turn}".encode()), "failed", "{}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert [len(Journal(tmp_path).attempts(f"e{writer}")) for writer in range(4)] == [20] * 4


def test_a_writer_that_is_killed_loses_nothing_that_it_had_recorded(tmp_path: Path):
    """tests/samples/writer.py prints each number after it has recorded it, until it is killed."""
    script = ROOT / "tests" / "samples" / "writer.py"
    writer = subprocess.Popen(
        [sys.executable, script, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)}
    )
    recorded = [int(writer.stdout.readline()) for _ in range(25)]
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert set(recorded) <= {attempt.number for attempt in Journal(tmp_path).attempts()}


@pytest.mark.parametrize("content", [b"no database" * 500, b"SQLite format 3\0" + b"\xff" * 4000])
def test_an_unreadable_file_is_set_aside_never_deleted(tmp_path: Path, content: bytes):
    (tmp_path / "journal.db").write_bytes(content)
    journal = Journal(tmp_path)
    journal.begin("dropout", "yours", "f", b"source")
    assert "set aside" in journal.notice
    (aside,) = tmp_path.glob("journal-unreadable-*.db")
    assert aside.read_bytes() == content
    assert len(Journal(tmp_path).attempts()) == 1


def test_a_newer_file_is_left_alone(tmp_path: Path):
    Journal(tmp_path).begin("dropout", "yours", "f", b"source")
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(JournalError, match="newer"):
        Journal(tmp_path).attempts()
    assert not list(tmp_path.glob("journal-unreadable-*"))


def test_an_older_file_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Journal(tmp_path).begin("dropout", "yours", "f", b"source")
    more = lambda connection: connection.execute("CREATE TABLE later (x)")
    monkeypatch.setattr(database, "MIGRATIONS", [*MIGRATIONS, more])
    assert len(Journal(tmp_path).attempts()) == 1
    assert sqlite3.connect(tmp_path / "journal.db").execute("SELECT count(*) FROM later").fetchone() == (0,)


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Journal(tmp_path).begin("dropout", "yours", "f", b"source")
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", [*MIGRATIONS, lambda connection: connection.execute("nonsense")])
        with pytest.raises(JournalError):
            Journal(tmp_path).attempts()
    assert len(Journal(tmp_path).attempts()) == 1


def test_a_full_disk_is_told_in_one_line(tmp_path: Path):
    """A database that may not grow is what SQLite sees of a full disk."""
    journal = Journal(tmp_path)
    journal.begin("dropout", "yours", "f", b"source")
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="full") as failure:
        journal.begin("dropout", "yours", "f", os.urandom(1 << 20))
    assert "\n" not in str(failure.value)
    assert len(Journal(tmp_path).attempts()) == 1


def test_what_an_older_grader_recorded_is_kept_and_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Version 1 had no column for the mistake, and a table of hints."""
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:1])
        with pytest.raises(JournalError):
            Journal(tmp_path).source("nothing")
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("INSERT INTO sources VALUES ('abc', 'text')")
    verdict = '{"diagnosis": [{"mistake": "no_scaling"}]}'
    connection.execute("INSERT INTO attempts VALUES (1, 'attention', 'yours', 'f', 'abc', 100.0, 'failed', ?)", (verdict,))
    connection.execute("INSERT INTO attempts VALUES (2, 'attention', 'yours', 'f', 'abc', 300.0, 'started', '')")
    connection.execute("INSERT INTO hints VALUES ('attention', 0, 200.0)")
    connection.commit()
    connection.close()
    journal = Journal(tmp_path)
    assert [(entry.mistake, entry.outcome) for entry in journal.entries("attention")] == [
        ("no_scaling", "failed"),
        ("", "started"),
    ]
    assert [(event.kind, event.detail, event.after) for event in journal.events()] == [("hint", 0, 1)]
    assert journal.hints_shown("attention") == 1


def test_reviews_settings_and_times_are_kept(tmp_path: Path):
    journal = Journal(tmp_path, clock=lambda: 50.0)
    journal.review("dropout", "", "good", "10 of 15 minutes", "{}", 100.0)
    (review,) = Journal(tmp_path).reviews("dropout")
    assert (review.at, review.rating, review.due) == (50.0, "good", 100.0)
    journal.correct(review.number, "easy", "your own rating", "{}", 200.0)
    assert [(row.rating, row.due) for row in Journal(tmp_path).reviews()] == [("easy", 200.0)]
    assert journal.setting("plan until") == ""
    journal.set("plan until", "2027-01-15")
    journal.set("plan until", "2027-01-16")
    assert Journal(tmp_path).setting("plan until") == "2027-01-16"
    for number in range(3):
        journal.time("dropout", f'{{"number": {number}}}', grows=number == 1)
    assert [times for _, _, times in Journal(tmp_path).times()] == [{"number": 1}, {"number": 2}]


def test_a_clock_that_is_no_date_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRADER_NOW", "tomorrow")
    with pytest.raises(JournalError, match="GRADER_NOW=tomorrow"):
        Journal(tmp_path).begin("dropout", "yours", "f", b"")


def test_an_interview_leaves_practice_as_it_was(tmp_path: Path):
    journal = Journal(tmp_path, clock=lambda: 50.0)
    round = RoundRow(1, "coding", "dropout", 15.0, 1.0, "[]")
    session = journal.open_session("Coding", 7, False, [round])
    number = journal.begin("dropout", "interview", "f", b"source", session, 1)
    journal.finish(number, "passed", '{"outcome": "passed"}')
    assert journal.sessions() == [SessionRow(session, "Coding", 50.0, 7, 0)]
    assert journal.session_rounds(session) == [round]
    assert [(ordinal, attempt.outcome) for ordinal, attempt in journal.session_attempts(session)] == [(1, "passed")]
    assert journal.entries() == []
    assert journal.outcomes() == {}
    assert journal.last("dropout") is None


def test_a_saved_source_and_its_moment_are_one_row_each_at_once(tmp_path: Path):
    journal = Journal(tmp_path, clock=lambda: 50.0)
    session = journal.open_session("Coding", 7, False, [])
    journal.saved(session, 1, b"source")
    journal.happened(session, 1, "score", "depth 3", "interviewer", at=40.0)
    other = Journal(tmp_path)
    saved, scored = other.moments(session)
    assert other.source(saved.detail) == b"source"
    assert scored[1:] == (1, 40.0, "interviewer", "score", "depth 3")
    assert other.moments(session + 1) == []


def test_a_screen_gives_signs_of_life(tmp_path: Path):
    journal = Journal(tmp_path, clock=lambda: 50.0)
    assert journal.pulse(1, "candidate") == (0.0, 0)
    journal.beat(1, "candidate")
    assert Journal(tmp_path).pulse(1, "candidate") == (50.0, os.getpid())


def test_a_journal_of_practice_alone_gets_room_for_interviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Version 2 knew no interviews."""
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:2])
        Journal(tmp_path).set("plan hours", "5")
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("INSERT INTO sources VALUES ('abc', 'text')")
    connection.execute("INSERT INTO attempts VALUES (1, 'dropout', 'yours', 'f', 'abc', 100.0, 'passed', '', '')")
    connection.commit()
    connection.close()
    journal = Journal(tmp_path)
    assert [entry.outcome for entry in journal.entries()] == ["passed"]
    assert journal.setting("plan hours") == "5"
    assert journal.sessions() == []
    assert journal.session_attempts(1) == []
