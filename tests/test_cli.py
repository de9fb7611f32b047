"""The command line: what it says, and the exit codes and JSON that other programs rely on."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import Result

from grader.catalogue import ROOT, Exercise
from grader.journal import Journal

dropout = Exercise("dropout")
SOLUTION = dropout.solution.read_text(encoding="utf-8")


def said(result: Result) -> str:
    return re.sub(r"\s+", " ", result.output)


def test_an_untouched_stub_is_not_started_and_shows_what_the_reference_achieves(grader):
    result = grader("run", "dropout", "--no-bench")
    assert result.exit_code == 0
    assert "Write inverted dropout" in said(result)
    assert "Not started. Open" in said(result)
    assert "survivors are doubled" in said(result)


def test_an_untouched_stub_given_as_a_file_is_a_submission_like_any_other(grader):
    result = grader("run", "dropout", "--json", "--file", dropout.stub)
    assert (result.exit_code, json.loads(result.stdout)["outcome"]) == (1, "failed")


def test_a_right_answer_passes_and_is_timed(grader, tmp_path: Path):
    answer = tmp_path / "answer.py"
    answer.write_text(SOLUTION + "\nprint('hello')\n")
    result = grader("run", "dropout", "--file", answer)
    assert result.exit_code == 0
    assert "passed" in said(result)
    assert "yours beside the reference" in said(result)
    assert "hello" in said(result)


def test_json_is_one_object_and_nothing_else(grader, tmp_path: Path):
    answer = tmp_path / "answer.py"
    answer.write_text(SOLUTION)
    result = grader("run", "dropout", "--json", "--file", answer)
    found = json.loads(result.stdout)
    assert len(result.stdout.splitlines()) == 1
    assert (result.exit_code, found["outcome"], found["audit"]["outcome"]) == (0, "passed", "agreed")
    assert {row["outcome"] for row in found["properties"]} == {"passed"}
    assert found["benchmark"][0]["yours"] > 0


def test_a_known_mistake_is_named_with_its_lesson_and_explained(grader):
    result = grader("run", "dropout", "--against", "shares_one_mask")
    assert result.exit_code == 1
    assert "This looks like: shares one mask" in said(result)
    assert "No two rows share a mask." in said(result)
    explained = grader("explain", "dropout", "test_rows_lose_different_elements")
    assert explained.exit_code == 0
    compile(explained.stdout, "explained.py", "exec")


def test_one_unwritten_function_leaves_the_others_graded(grader, tmp_path: Path):
    answer = tmp_path / "answer.py"
    answer.write_text(SOLUTION.replace("super().__init__()", "raise NotImplementedError"))
    found = json.loads(grader("run", "dropout", "--json", "--file", answer).stdout)
    outcomes = {row["outcome"] for row in found["properties"]}
    assert (found["outcome"], outcomes) == ("failed", {"passed", "not_run"})
    assert "not written yet" in found["message"]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", 1, "does not define dropout, Dropout"),
        (b"\x00\x01\x02", 1, "could not be loaded"),
        (b"\xff\xfe\x00x", 1, "could not be loaded"),
        (b"def dropout(:\n", 1, "SyntaxError"),
        (b"raise RuntimeError('at import')\n", 1, "at import"),
        (SOLUTION.replace("class Dropout", "class Renamed").encode(), 1, "does not define Dropout"),
        (b"x = 1\n" * 200_000, 2, "larger than 1 MB"),
    ],
    ids=["empty", "nul", "binary", "syntax", "raises", "renamed", "large"],
)
def test_a_bad_file_gets_one_clear_line(grader, tmp_path: Path, content: bytes, code: int, words: str):
    answer = tmp_path / "answer.py"
    answer.write_bytes(content)
    result = grader("run", "dropout", "--no-bench", "--file", answer)
    assert result.exit_code == code
    assert words in said(result)
    assert "Traceback" not in result.output
    found = json.loads(grader("run", "dropout", "--json", "--file", answer).stdout)
    assert words in found["message"]
    assert "\n" not in found["message"]


def test_what_is_no_file_is_no_submission(grader, tmp_path: Path):
    for path, words in ((tmp_path / "missing.py", "No such file"), (tmp_path, "no regular file")):
        result = grader("run", "dropout", "--file", path)
        assert (result.exit_code, words in said(result)) == (2, True)
        assert json.loads(grader("run", "dropout", "--json", "--file", path).stdout)["outcome"] == "no_submission"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "dropuot"], "dropout"),
        (["run"], "--all"),
        (["run", "dropout", "--against", "shares_a_mask"], "shares_one_mask"),
        (["explain", "dropout", "test_nothing"], "did you mean test_"),
        (["hint", "nothing"], "no exercise"),
        (["new", "dropout"], "taken"),
        (["new", "no-name"], "no name"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(grader, arguments: list[str], words: str):
    result = grader(*arguments)
    assert result.exit_code == 2
    assert words in said(result)


def test_the_source_is_in_the_journal_and_a_broken_journal_costs_only_a_warning(grader, tmp_path: Path, home: Path):
    answer = tmp_path / "answer.py"
    answer.write_text(SOLUTION)
    assert grader("run", "dropout", "--no-bench", "--file", answer).exit_code == 0
    (attempt,) = Journal(home).attempts("dropout")
    assert Journal(home).source(attempt.sha256) == SOLUTION.encode()
    (home / "journal.db").unlink()
    (home / "journal.db").mkdir()
    result = grader("run", "dropout", "--no-bench", "--file", answer)
    assert (result.exit_code, said(result).count("not recorded")) == (0, 1)


def test_the_last_hint_and_the_solution_wait_for_an_attempt(grader):
    for number in range(1, len(dropout.hints)):
        assert f"Hint {number} of {len(dropout.hints)}" in said(grader("hint", "dropout"))
    assert grader("hint", "dropout").exit_code == 1
    assert grader("solution", "dropout").exit_code == 1
    assert "def dropout" in grader("solution", "dropout", "--yes").output
    Journal().begin("dropout", "yours", "f", b"")
    assert "Almost there" in said(grader("hint", "dropout"))
    assert grader("solution", "dropout").exit_code == 0


def test_reset_keeps_the_old_answer_in_the_journal(grader, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy = tmp_path / "dropout.py"
    copy.write_text("my answer")
    monkeypatch.setattr(Exercise, "stub", property(lambda self: copy))
    assert grader("reset", "dropout").exit_code == 0
    assert "raise NotImplementedError" in copy.read_text()
    (kept,) = Journal(home).attempts("dropout")
    assert Journal(home).source(kept.sha256) == b"my answer"


def test_every_command_of_the_readme_runs(grader):
    """Those after the set-up; a known mistake exits with 1, as the README says."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^grader (.+)$", text, flags=re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        line = command.split("#")[0].split()
        # These have tests of their own: one would replace the learner's file, the others wait for somebody.
        if line[:1] != ["reset"] and not {"--watch", "--resume", "--pack"} & set(line):
            assert grader(*line).exit_code == int("exit code 1" in command), command


def test_the_tree_of_the_readme_has_a_line_for_every_file():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^  (\w+\.py) ", text, flags=re.MULTILINE)
    present = {path.name for path in (ROOT / "grader").glob("*.py")} - {"__init__.py", "__main__.py"}
    assert sorted(listed) == sorted(present)


def test_a_scaffolded_exercise_names_itself_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from grader import scaffold

    monkeypatch.setattr(scaffold, "ROOT", tmp_path)
    written = scaffold.scaffold("my_exercise")
    assert len(written) == 7
    assert not any("NAME" in path.name or "NAME" in path.read_text() for path in written)
    assert "My exercise" in (tmp_path / "exercises" / "my_exercise" / "README.md").read_text()
