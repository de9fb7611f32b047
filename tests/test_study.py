"""The commands of self-study, as they are typed: the right word, the wrong one and the absurd one."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grader import cli, pages, render
from grader.catalogue import ROOT, Exercise, exercises
from grader.journal import Journal
from grader.review import rated

dropout = Exercise("dropout")
STUB = dropout.stub.read_text(encoding="utf-8")
SOLUTION = dropout.solution.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of every stub, in place of those of the repository."""
    for exercise in exercises():
        if exercise.kind != "oral":
            (tmp_path / exercise.name).mkdir()
            shutil.copy(exercise.stub, tmp_path / exercise.name)
    monkeypatch.setattr(Exercise, "stub", property(lambda self: tmp_path / self.name / f"{self.name}.py"))
    monkeypatch.setenv("GRADER_NOW", "2027-01-04T12:00")
    return tmp_path / "dropout" / "dropout.py"


def grader(*arguments: object, typed: str = "") -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], input=typed)


def said(result: Result) -> str:
    return re.sub(r"\s+", " ", result.output)


def attempt(text: str, outcome: str, mistake: str = "") -> None:
    journal = Journal()
    journal.finish(journal.begin("dropout", "yours", "f", text.encode()), outcome, "{}", mistake)


def test_alone_it_says_where_you_stand_and_what_is_next():
    for arguments in ([], ["stats"], ["next"]):
        result = grader(*arguments)
        assert result.exit_code == 0
        assert "Next:" in said(result)
    assert f"0 of {len(exercises())} passed" in said(grader())


def test_stats_name_the_mistakes():
    attempt("one", "failed", "forgets_to_rescale")
    assert "forgets to rescale" in said(grader("stats"))
    assert "you began it" in said(grader("next"))


def test_list_marks_what_is_passed_tried_and_due(monkeypatch: pytest.MonkeyPatch):
    attempt("one", "passed")
    assert re.search(r"^(✓|ok) .*dropout", grader("list").output, flags=re.MULTILINE)
    rated(Journal(), dropout, "", "hard", "")
    monkeypatch.setenv("GRADER_NOW", "2027-01-06")
    assert re.search(r"^! .*dropout", grader("list").output, flags=re.MULTILINE)


def test_hints_come_one_at_a_time_and_can_be_read_again():
    assert "no hint" in said(grader("hint", "dropout", "--again"))
    assert "Hint 1 of" in said(grader("hint", "dropout"))
    assert "Hint 2 of" in said(grader("hint", "dropout"))
    again = said(grader("hint", "dropout", "--again"))
    assert "Hint 1 of" in again
    assert "Hint 2 of" in again
    assert "Hint 3 of" not in again


def test_reset_keeps_the_answer_and_restore_brings_it_back(learner: Path):
    learner.write_text("my answer\n")
    assert "--restore 1" in said(grader("reset", "dropout"))
    assert learner.read_text() == STUB
    assert "kept" in grader("history", "dropout").output
    assert grader("history", "dropout", "--restore", 1).exit_code == 0
    assert learner.read_text() == "my answer\n"
    learner.write_text("another\n")
    assert "kept as attempt 2" in said(grader("history", "dropout", "--restore", 1))
    assert learner.read_text() == "my answer\n"


def test_a_stub_that_nobody_touched_is_not_kept():
    assert "kept" not in said(grader("reset", "dropout"))
    assert Journal().entries() == []


def test_reset_goes_round_again_by_track_and_altogether(learner: Path):
    other = learner.parent.parent / "attention" / "attention.py"
    for path in (learner, other):
        path.write_text("mine\n")
    assert grader("reset", "--track", "regularization").exit_code == 0
    assert (learner.read_text(), other.read_text()) == (STUB, "mine\n")
    assert grader("reset", "--all").exit_code == 0
    assert "raise NotImplementedError" in other.read_text()
    assert [entry.exercise for entry in Journal().entries()] == ["dropout", "attention"]


@pytest.mark.parametrize("width", [200, 60])
def test_two_answers_are_shown_side_by_side(monkeypatch: pytest.MonkeyPatch, width: int):
    monkeypatch.setattr(render.console, "_width", width)
    attempt("same = 1\nold = 2\n", "failed")
    attempt("same = 1\nnew = 3\nmore = 4\n", "failed")
    result = grader("history", "dropout", "--diff", 1, 2)
    lines = [line.rstrip() for line in result.output.splitlines()]
    assert result.exit_code == 0
    assert any("< old = 2" in line for line in lines)
    assert any("> more = 4" in line for line in lines)
    assert not any("< same" in line for line in lines)
    assert any(("< old = 2" in line and "> new = 3" in line) for line in lines) == (width >= pages.WIDE_ENOUGH)
    assert "the reference" in said(grader("history", "dropout", "--diff", 2, "reference"))
    attempt("same = 1\n" * 30 + "old = 2\n", "failed")
    attempt("same = 1\n" * 30 + "new = 3\n", "failed")
    folded = said(grader("history", "dropout", "--diff", 3, 4))
    assert "... 24 lines alike" in folded
    assert "> new = 3" in folded
    assert "are the same" in said(grader("history", "dropout", "--diff", 2, 2))


def test_history_says_when_how_long_and_with_how_many_hints(monkeypatch: pytest.MonkeyPatch):
    assert "no attempt yet" in said(grader("history", "dropout"))
    grader("hint", "dropout")
    monkeypatch.setenv("GRADER_NOW", "2027-01-04T12:07")
    attempt("one", "failed", "shares_one_mask")
    rows = said(grader("history", "dropout"))
    assert "1 2027-01-04 12:07 failed 7 1 shares one mask" in rows


def test_a_review_begins_with_a_fresh_stub_and_ends_with_a_rating(learner: Path, monkeypatch: pytest.MonkeyPatch):
    assert "nothing is due" in said(grader("review"))
    learner.write_text(SOLUTION)
    attempt(SOLUTION, "passed")
    rated(Journal(), dropout, "", "hard", "")
    monkeypatch.setenv("GRADER_NOW", "2027-01-05")
    assert "grader review dropout" in said(grader("review"))
    assert "the clock runs" in said(grader("review", "dropout"))
    assert learner.read_text() == STUB
    assert "due on 2027" in said(grader("review", "dropout", "--rating", "easy"))
    assert Journal().reviews()[-1].rating == "easy"


def test_oral_questions_are_asked_revealed_and_rated(monkeypatch: pytest.MonkeyPatch):
    first, second = dropout.questions[:2]
    result = grader("oral", "dropout", typed="\nnonsense\n3\n\neasy\nq\n")
    assert result.exit_code == 0
    assert [(review.heading, review.rating) for review in Journal().reviews()] == [
        (first.heading, "good"),
        (second.heading, "easy"),
    ]
    asked = said(grader("oral", "dropout"))
    assert dropout.questions[2].heading.split()[0] in asked
    assert "Question 1 of" in asked
    assert "no oral question is due" in said(grader("review", "--oral"))
    monkeypatch.setenv("GRADER_NOW", "2027-01-08")
    assert "Question 1 of 1" in said(grader("review", "--oral", typed="q\n"))


def test_an_answer_is_hidden_until_it_is_asked_for():
    result = grader("oral", "dropout", typed="q\n")
    assert dropout.questions[0].body.split("\n")[0][:30] not in said(result)
    assert Journal().reviews() == []


def test_a_plan_fits_the_weeks_is_remembered_and_adapts():
    first = grader("plan", "--until", "2027-03-01", "--hours", 5)
    assert first.exit_code == 0
    assert "dropout" in first.output
    assert "2027-01-04" in first.output
    attempt(SOLUTION, "passed")
    second = grader("plan")
    assert second.exit_code == 0
    assert not re.search(r"\bdropout\b", second.output)
    assert "no room until 2027-01-04" in said(grader("plan", "--until", "2027-01-04", "--hours", 1))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan"], "until when"),
        (["plan", "--until", "tomorrow", "--hours", 5], "no date"),
        (["plan", "--until", "2020-01-01", "--hours", 5], "in the past"),
        (["plan", "--until", "9999-01-01", "--hours", 5], "five years"),
        (["plan", "--until", "2027-02-01", "--hours", 500], "168"),
        (["plan", "--until", "2027-02-01", "--hours", -1], "how many hours"),
        (["reset"], "--all"),
        (["reset", "dropout", "--all"], "name one"),
        (["reset", "--track", "regularisation"], "regularization"),
        (["history", "dropout", "--diff", "1", "2"], "no attempt '1'"),
        (["history", "dropout", "--restore", "7"], "no attempt '7'"),
        (["history", "dropuot"], "dropout"),
        (["review", "dropout", "--rating", "great"], "again, hard, good, easy"),
        (["review", "--rating", "good"], "give the exercise"),
        (["review", "dropout", "--rating", "good"], "never reviewed"),
        (["watch", "dropuot"], "dropout"),
        (["oral", "dropuot"], "dropout"),
        (["report", "--file", "/no/such/folder/report.html"], "No such file"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_a_wrong_word_is_answered_with_what_is_needed(arguments: list[object], words: str):
    result = grader(*arguments)
    assert (result.exit_code, words in said(result)) == (2, True), said(result)
    assert "Traceback" not in result.output


def test_commands_for_code_send_oral_exercises_to_oral():
    name = next(exercise.name for exercise in exercises() if exercise.kind == "oral")
    for command in ("run", "hint", "solution", "reset", "history", "watch"):
        result = grader(command, name)
        assert (result.exit_code, f"grader oral {name}" in said(result)) == (2, True)


def test_the_report_is_written(tmp_path: Path):
    assert grader("report", "--file", tmp_path / "r.html").exit_code == 0
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("switch", ["--no-color", "NO_COLOR"])
def test_colours_can_be_switched_off(home: Path, switch: str):
    """`FORCE_COLOR` stands for a terminal: without the switch there are escape codes."""
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    arguments = [sys.executable, "-m", "grader"]
    color = re.compile(r"\x1b\[[\d;]*3\dm")
    plain = subprocess.run([*arguments, "list"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert color.search(plain.stdout)
    environment |= {switch: "1"} if switch.isupper() else {}
    arguments += [switch] if switch.startswith("--") else []
    without = subprocess.run([*arguments, "list"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert without.returncode == 0
    assert not color.search(without.stdout)


def test_the_shell_completes_names_and_tracks():
    for line, words in (("grader hint drop", "dropout"), ("grader reset --track regul", "regularization")):
        environment = os.environ | {"_GRADER_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        done = subprocess.run([sys.executable, "-m", "grader"], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert words in done.stdout.split()


def test_nothing_that_a_plain_terminal_cannot_draw_is_printed_to_one():
    """In ASCII every sign has a stand-in; names and prose of exercises aside."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii:replace", "TERM": "dumb"}
    done = subprocess.run([sys.executable, "-m", "grader", "stats"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "?" not in done.stdout


def test_the_test_explorer_of_visual_studio_code_finds_every_property():
    """What its Python extension does: pytest with the arguments of the settings."""
    settings = json.loads((ROOT / ".vscode" / "settings.json").read_text(encoding="utf-8"))
    assert settings["python.testing.pytestEnabled"]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *settings["python.testing.pytestArgs"]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert all(f"::{claim}" in done.stdout for claim in dropout.claims)
