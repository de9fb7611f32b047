"""The two screens of an interview and its plain lines, through Textual's pilot; once for real, side by side, with a kill -9."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from grader import live, room
from grader.attempt import begun, fresh_stub
from grader.candidate import Candidate
from grader.catalogue import ROOT, Exercise
from grader.fingerprints import Fingerprints
from grader.interview import Session, folder_of
from grader.interviewer import Interviewer
from grader.journal import Journal
from grader.verdict import PropertyResult, Verdict
from scripts.record_interview import rehearse, scorecard
from tests.pilot import in_pilot, notices, shown, told, until
from tests.sitting import RIGHT, WRONG, Sitting

dropout = Exercise("dropout")
NINE = 1_790_000_000.0


class Clock:
    """Turns `GRADER_NOW`, from which every journal takes its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.patch = NINE, monkeypatch
        self.turn(0)

    def turn(self, seconds: float) -> None:
        self.at += seconds
        self.patch.setenv("GRADER_NOW", datetime.fromtimestamp(self.at).isoformat())


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(room, "TICK", 0.05)
    return Clock(monkeypatch)


@pytest.fixture
def graded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In place of a grading: RIGHT passes and all else fails, at once. What was graded, in order."""
    asked = list[str]()

    def recorded(sandbox, candidate, heard, warn, fingerprints, keep=True, sitting=None) -> Verdict:
        asked.append(candidate.source.decode())
        outcome = "passed" if candidate.source.decode() == RIGHT else "failed"
        results = tuple(PropertyResult(name, claim, outcome) for name, claim in dropout.claims.items())
        found = Verdict("dropout", "yours", candidate.file, candidate.sha256, outcome, "a message", results)
        journal = Journal()
        number = begun(journal, candidate, sitting)
        for result in results:
            heard(result)
        journal.finish(number, outcome, found.to_json())
        journal.close()
        return found

    for module in (live, room):
        monkeypatch.setattr(module, "recorded", recorded)
    times = SimpleNamespace(timings=[], growth=[])
    monkeypatch.setattr(room, "clocked", lambda *arguments, **details: times)
    monkeypatch.setattr(room, "asdict", vars)
    return asked


@pytest.fixture
def sitting(home: Path) -> Sitting:
    return Sitting(home)


@pytest.fixture
def file(home: Path) -> Path:
    return folder_of(1) / "1_dropout" / "dropout.py"


def candidate(number: int = 1) -> Candidate:
    """Without workers: what needs one is replaced by `graded`."""
    nobody = SimpleNamespace(until=lambda cancelled: SimpleNamespace(cancelled=cancelled))
    return Candidate(nobody, Fingerprints(Path("/nowhere")), number)  # type: ignore[arg-type]


def session(home: Path) -> Session:
    return Session.of(Journal(home), 1)


def test_a_session_from_its_beginning_to_its_end(sitting: Sitting, home: Path, file: Path, clock: Clock, graded: list[str]):
    app = candidate()

    async def steps(pilot: Pilot[None]) -> None:
        assert "Round 1 of 2" in shown(app)
        assert "15 minutes" in shown(app, "#clock")
        assert not file.exists()
        await pilot.press("n")
        assert "Write inverted dropout" in shown(app)
        assert file.read_text() == fresh_stub(dropout)
        assert (file.parent / "README.md").exists()
        file.write_text(WRONG)
        await until(pilot, lambda: session(home).rounds[0].last_save is not None)
        assert graded == []
        await pilot.press("v")
        await until(pilot, told(app, "a message"))
        await pilot.press("b", "v")
        await until(pilot, told(app, "a message"))  # the same source: the same verdict, once more
        clock.turn(10)
        await pilot.press("h")
        assert "hint 1 costs 10 of the round's 100 points" in notices(app)
        assert session(home).rounds[0].hints == []
        await pilot.press("h")
        assert f"Hint 1 of {len(dropout.hints)}" in shown(app)
        file.write_text(RIGHT)
        await pilot.press("n")
        assert session(home).present.ordinal == 1
        await pilot.press("n")
        await until(pilot, told(app, "Round 2 of 2"))
        await until(pilot, told(app, "Round 1, coding: passed"))
        await pilot.press("n")
        await answer_all(pilot, app)
        await until(pilot, told(app, "The interview is over"))
        await until(pilot, lambda: "grading and timing" not in shown(app))
        assert "grader report 1 --html" in shown(app)

    in_pilot(app, steps)
    assert graded == [WRONG, RIGHT]
    found = session(home)
    assert found.rounds[0].ended_by == "done"
    assert found.rounds[0].timed is not None
    assert found.rounds[1].ratings == {0: 3, 1: 4}
    assert Journal(home).entries() == []
    assert dropout.stub.read_text() == fresh_stub(dropout)


async def answer_all(pilot: Pilot[None], app: Candidate) -> None:
    """Two questions with two follow-ups each: reveal, go on, and rate at the end of the chain."""
    for number, rating in ((1, "3"), (2, "4")):
        await until(pilot, told(app, f"Question {number} of 2"))
        await pilot.press("1")  # too early to rate
        for step in range(3):
            assert ("follow-up" in shown(app)) == (step > 0)
            await pilot.press("space")
            if step < 2:
                await pilot.press("space")
        assert "Rate your answer with 1 to 4" in shown(app)
        await pilot.press("space")
        assert "rate your answer first" in notices(app)
        await pilot.press(rating)


def test_time_is_up_and_the_last_save_is_graded(sitting: Sitting, home: Path, file: Path, clock: Clock, graded: list[str]):
    app = candidate()

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("n")
        file.write_text(WRONG)
        await until(pilot, lambda: session(home).rounds[0].last_save is not None)
        await turned(pilot, home, clock, 15 * 60)
        await until(pilot, told(app, "Round 2 of 2"))
        file.write_text(RIGHT)
        await until(pilot, told(app, "Round 1, coding: failed"))

    in_pilot(app, steps)
    assert graded == [WRONG]
    assert session(home).rounds[0].ended_by == "time"


async def turned(pilot: Pilot[None], home: Path, clock: Clock, seconds: float) -> None:
    """The clock runs on, and the screen is heard of meanwhile: in steps that are no silence."""
    for _ in range(int(seconds // 14) + 1):
        clock.turn(14)
        await until(pilot, lambda: Journal(home).pulse(1, "candidate")[0] == clock.at)


def test_pause_hides_the_task_and_stops_the_clock(sitting: Sitting, home: Path, clock: Clock, graded: list[str]):
    app = candidate()

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("n")
        clock.turn(10)
        await pilot.press("p")
        assert "Write inverted dropout" not in shown(app)
        assert "(paused)" in shown(app, "#clock")
        await pilot.press("v")
        await turned(pilot, home, clock, 60)
        await pilot.press("p")
        assert "Write inverted dropout" in shown(app)
        assert "14:50 left" in shown(app, "#clock")
        await pilot.press("x")
        assert "19:50 left" in shown(app, "#clock")

    in_pilot(app, steps)
    assert graded == []


def test_a_closed_screen_and_a_sleeping_computer_cost_no_time(
    sitting: Sitting, home: Path, file: Path, clock: Clock, graded: list[str]
):
    first = candidate()

    async def begin(pilot: Pilot[None]) -> None:
        await pilot.press("n")
        await turned(pilot, home, clock, 28)

    in_pilot(first, begin)
    used = session(home).rounds[0].used
    file.write_text(RIGHT)
    clock.turn(1000)
    again = candidate()

    async def go_on(pilot: Pilot[None]) -> None:
        await until(pilot, told(again, "Write inverted dropout"))
        clock.turn(500)
        await until(pilot, lambda: len(session(home).rounds[0].pauses) == 2)
        await until(pilot, lambda: session(home).is_open)

    in_pilot(again, go_on)
    round = session(home).rounds[0]
    assert round.used == used
    assert [why for _, _, why in round.pauses] == ["closed", "closed"]
    assert round.last_save is not None


def test_live_grades_every_save(home: Path, clock: Clock, graded: list[str]):
    sitting = Sitting(home)
    sitting.journal._connection.execute("UPDATE sessions SET live = 1")
    app = candidate()

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("n")
        (folder_of(1) / "1_dropout" / "dropout.py").write_text(WRONG)
        await until(pilot, told(app, "a message"))

    in_pilot(app, steps)
    assert graded[0] == WRONG


def test_end_ends_all_of_it(sitting: Sitting, home: Path, clock: Clock, graded: list[str]):
    app = candidate()

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("n", "E")
        assert not session(home).is_over
        await pilot.press("E")
        assert "The interview is over" in shown(app)
        assert "not judged" in shown(app)

    in_pilot(app, steps)
    assert session(home).rounds[0].ended_by == "early"


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (200, 60)], ids=str)
def test_every_key_is_in_the_footer(sitting: Sitting, clock: Clock, graded: list[str], size: tuple[int, int]):
    app = candidate()

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("n")
        await pilot.pause(0.2)
        assert footer(app).split() == ["Verdict", "Hint", "Brief", "Edit", "Pause", "+5", "min", "Next", "End", "Leave"]
        if size[0] >= 80:
            assert max(key.region.right for key in app.query("FooterKey")) <= size[0]
        assert app.query_one("#pane").region.bottom <= size[1]

    in_pilot(app, steps, size)


def footer(app: Candidate | Interviewer) -> str:
    return " ".join(str(key.description) for key in app.query("FooterKey"))


# The interviewer


def test_the_interviewer_follows_scores_and_notes(sitting: Sitting, home: Path, file: Path, clock: Clock):
    file.parent.mkdir(parents=True)
    file.write_text(WRONG)
    sitting.journal.clock = lambda: clock.at
    sitting.journal.beat(1, "candidate")
    sitting.journal.happened(1, 1, "begin")
    app = Interviewer(1)

    async def steps(pilot: Pilot[None]) -> None:
        assert "not saved yet" in shown(app)
        assert "x: Float" in shown(app)
        assert Session.of(Journal(home), 1).is_watched
        sitting.verdict(0, WRONG, "failed", {next(iter(dropout.claims)): "failed"}, "forgets_to_rescale")
        await pilot.press("v")
        assert "This looks like: forgets to rescale" in shown(app)
        await pilot.press("r")
        assert "coins" in shown(app)
        await pilot.press("l")
        assert "listen for:" in shown(app)
        await pilot.press("b")
        assert "Hint 1" in shown(app)
        await pilot.press("s")
        assert "edge cases first" in shown(app)
        await pilot.press("3", "4", "down", "1")
        assert str(app.query_one(OptionList).get_option("communication").prompt).endswith("4 of 4")
        await until(pilot, told(app, "speed: press or click 1 to 4"))
        await pilot.click("#body", offset=(10, 3))  # the third anchor, below the line that says so
        await pilot.press("m", *"next", "space", *"3 x", "enter")
        assert not app.query_one(Input).display
        await pilot.press("m", "q", "escape")
        await pilot.press("t")
        assert "note: next 3 x" in shown(app)
        await pilot.press("right")
        assert "Round 2" in shown(app)
        await pilot.press("left")
        await pilot.press("x")

    in_pilot(app, steps)
    round = session(home).rounds[0]
    assert round.scores == {"correctness": 3, "communication": 4, "depth": 1, "speed": 3}
    assert [note.detail for note in round.notes] == ["next 3 x"]
    assert round.extended == 5


def test_the_interviewer_rates_answers(sitting: Sitting, home: Path, clock: Clock):
    sitting.journal.clock = lambda: clock.at
    sitting.after(0, 1, "end", "done")
    sitting.after(0, 2, "begin")
    sitting.after(0, 2, "ask", "0 1")
    app = Interviewer(1)

    async def steps(pilot: Pilot[None]) -> None:
        assert "now: follow-up 1" in shown(app)
        await pilot.press("2")
        assert ">2" in shown(app)
        sitting.after(0, 2, "ask", "1 0")
        await until(pilot, told(app, "2 of 4"))
        assert "now: the question itself" in shown(app)

    in_pilot(app, steps)
    assert session(home).rounds[1].ratings == {0: 2}


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (200, 60)], ids=str)
def test_the_interviewers_keys_fit(sitting: Sitting, clock: Clock, size: tuple[int, int]):
    app = Interviewer(1)

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.pause(0.2)
        assert footer(app).split() == ["File", "Verdict", "Reference", "Listen", "Score", "Log", "Brief", "Note", "+5", "Leave"]
        if size[0] >= 80:
            assert max(key.region.right for key in app.query("FooterKey")) <= size[0]

    in_pilot(app, steps, size)


def test_with_an_interviewer_the_candidate_sees_no_answer(sitting: Sitting, home: Path, clock: Clock, graded: list[str]):
    sitting.journal.clock = lambda: clock.at
    sitting.after(0, 1, "end", "done")
    sitting.journal.beat(1, "interviewer")
    app = candidate()

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("n")
        assert "the interviewer listens" in shown(app)
        await pilot.press("space")
        assert "follow-up 1" in shown(app)
        assert "listen for" not in shown(app).lower()
        await pilot.press("space", "space")
        assert "Question 2 of 2" in shown(app)

    in_pilot(app, steps)
    assert all(moment.kind != "reveal" for moment in session(home).moments)


# The command


def run(*arguments: str, commands: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "500"}
    environment.pop("GRADER_NOW", None)
    command = [sys.executable, "-m", "grader", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, input=commands, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["interview", "--pack", "coding", "--minutes", "30"], "a pack says its minutes"),
        (["interview", "--pack", "nothing"], "pack nothing: No such file"),
        (["interview", "--level", "expert"], "no level 'expert'; did you mean"),
        (["interview", "--track", "nowhere"], "no track 'nowhere' with code; did you mean"),
        (["interview", "--resume"], "there is no such session yet"),
        (["interview", "--watch", "7"], "there is no such session yet"),
        (["interview", "3"], "give --resume 3"),
        (["interview", "--resume", "--live"], "with no option of a new one"),
        (["report", "7"], "no session '7'"),
        (["report", "--md"], "go with the number of a session"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_asked_wrongly_is_told_in_one_line(arguments: list[str], words: str, home: Path):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_pipe_gets_plain_lines_and_the_end_of_the_input_leaves_the_session(home: Path):
    """Questions only: nothing is graded."""
    pack = home / "talk.toml"
    home.mkdir()
    pack.write_text('[[rounds]]\nkind = "oral"\nminutes = 5\nquestions = 1\nexercises = ["attention"]\n')
    done = run("interview", "--pack", str(pack), "--seed", "1", commands="next\nhint\nwhat\n1\ngo\n")
    assert done.returncode == 0, done.stderr
    for words in ("question 1:", "answer:", "no command 'what'", "there is no hint now", "interview --resume 1"):
        assert words in done.stdout
    assert "\x1b" not in done.stdout
    done = run("interview", "--resume", commands="go\ngo\ngo\ngo\ngo\n3\n")
    assert done.returncode == 0, done.stderr
    assert "in all" in done.stdout
    assert json.loads(run("report", "last", "--json").stdout)["rounds"][0]["answers"][0]["rating"] == 3
    assert "question 1, follow-up 2" in run("interview", "--watch", "1", "--plain").stdout
    report = run("report", "1", "--html", "-o", str(home / "card.html"))
    assert "wrote" in report.stdout
    assert "<!doctype html>" in (home / "card.html").read_text()


# Both, for real


def test_candidate_and_interviewer_side_by_side_with_a_kill_in_the_middle(known: Path, monkeypatch: pytest.MonkeyPatch):
    """All of scripts/record_interview.py but the benchmark."""
    monkeypatch.delenv("GRADER_NOW")
    card = rehearse(known, lambda title, terminal: None, timed=False)
    code, talk = card["rounds"]
    happened = [event["what"] for event in code["timeline"]]
    for words in ("saved", "hint 1", "the screen was closed", "the screen was opened again", "ends"):
        assert any(what.startswith(words) for what in happened), happened
    verdicts = [what for what in happened if what.startswith(("passed", "failed"))]
    assert "forgets to rescale" in verdicts[0]
    assert verdicts[-1].startswith("passed")
    assert (code["outcome"], code["scores"][0]["score"]) == ("passed", 3)
    assert code["notes"][0]["text"] == "explains the expectation first"
    assert talk["answers"][0]["rating"] == 4
    assert card["watched"]
    assert "## Round 2, oral" in scorecard(known, "--md")
