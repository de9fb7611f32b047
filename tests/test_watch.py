"""`watch`: through Textual's pilot, line by line, and once for real in a pseudo-terminal."""

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from textual.pilot import Pilot
from textual.widgets import OptionList

from grader import follow as plain
from grader import render
from grader.catalogue import ROOT, Exercise, write_whole
from grader.fingerprints import Fingerprints
from grader.journal import Journal
from grader.live import Done, Live, News
from grader.sandbox import Sandbox
from grader.watch import Watch
from tests.pilot import PATIENCE, in_pilot, notices, shown, told, until
from tests.terminal import Terminal, heed_interrupts

dropout, attention = Exercise("dropout"), Exercise("attention")
RIGHT = dropout.solution.read_text(encoding="utf-8")
WRONG = RIGHT.replace(".div_(1 - p)", "")


@pytest.fixture(autouse=True)
def learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's copies of two stubs, in place of those of the repository."""
    for exercise in (dropout, attention):
        (tmp_path / exercise.name).mkdir()
        shutil.copy(exercise.stub, tmp_path / exercise.name)
    monkeypatch.setattr(Exercise, "stub", property(lambda self: tmp_path / self.name / f"{self.name}.py"))
    return tmp_path / "dropout" / "dropout.py"


@pytest.fixture
def app(sandbox: Sandbox, fingerprints: Fingerprints) -> Watch:
    return Watch(sandbox, fingerprints, [attention, dropout], dropout)


def test_a_save_is_graded_and_the_mistake_is_named(app: Watch, learner: Path, home: Path):
    assert WRONG != RIGHT

    async def steps(pilot: Pilot[None]) -> None:
        assert "Write inverted dropout" in shown(app)
        write_whole(learner, WRONG)
        await until(pilot, told(app, "This looks like: forgets to rescale"))
        assert "failed" in shown(app)
        write_whole(learner, RIGHT)
        await until(pilot, told(app, "properties hold"))
        write_whole(learner, "def dropout(:")
        await until(pilot, told(app, "SyntaxError"))

    in_pilot(app, steps)
    assert [entry.outcome for entry in Journal(home).entries()] == ["failed", "passed", "failed"]
    assert Journal(home).reviews("dropout")[0].heading == ""


def test_an_empty_file_is_no_attempt(app: Watch, learner: Path, home: Path):
    """Some editors empty a file before they write it."""

    async def steps(pilot: Pilot[None]) -> None:
        learner.write_text("")
        await until(pilot, told(app, "the file is empty"))

    in_pilot(app, steps)
    assert Journal(home).entries() == []


def test_properties_are_shown_before_the_verdict(app: Watch, learner: Path):
    async def steps(pilot: Pilot[None]) -> None:
        partial = []
        showing = app.action_verdict
        app.action_verdict = lambda: (showing(), partial.append(len(app.results)) if app.verdict is None else None)
        write_whole(learner, RIGHT)
        await until(pilot, told(app, "properties hold"))
        assert len(set(partial)) > 5

    in_pilot(app, steps)


def test_a_save_during_a_grading_calls_it_off(app: Watch, learner: Path, home: Path):
    async def steps(pilot: Pilot[None]) -> None:
        write_whole(learner, RIGHT.replace("def dropout(", "while True:\n    pass\n\n\ndef dropout("))
        await until(pilot, told(app, "grading ..."))
        write_whole(learner, RIGHT)
        await until(pilot, told(app, "properties hold"))

    in_pilot(app, steps)
    assert [entry.outcome for entry in Journal(home).entries()] == ["started", "passed"]


def test_the_keys_do_what_the_footer_says(app: Watch, learner: Path, home: Path):
    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press("h")
        assert f"Hint 1 of {len(dropout.hints)}" in shown(app)
        await pilot.press("s")
        assert "after an attempt" in notices(app)
        Journal(home).begin("dropout", "yours", "f", b"")
        await pilot.press("s")
        assert "import torch" in shown(app)
        assert "the reference" in shown(app)
        await pilot.press("b")
        assert "Write inverted dropout" in shown(app)
        write_whole(learner, WRONG)
        await until(pilot, told(app, "This looks like"))
        await pilot.press("r")
        assert learner.read_text() == WRONG
        await pilot.press("r")
        await until(pilot, told(app, "not started"))
        assert "raise NotImplementedError" in learner.read_text()
        await pilot.press("v")
        assert "no verdict yet" in shown(app)
        await pilot.press("n")
        assert "dropout: you began it" in notices(app)

    in_pilot(app, steps)
    entries = Journal(home).entries("dropout")
    assert [entry.outcome for entry in entries] == ["started", "failed", "kept"]
    assert Journal(home).source(entries[-1].sha256).decode() == WRONG


def test_the_last_hint_waits_for_an_attempt(app: Watch):
    async def steps(pilot: Pilot[None]) -> None:
        for _ in dropout.hints:
            await pilot.press("h")
        assert "try first" in notices(app)
        assert f"Hint {len(dropout.hints) - 1} of" in shown(app)

    in_pilot(app, steps)


def test_a_benchmark_is_made_on_request(app: Watch, learner: Path, home: Path):
    async def steps(pilot: Pilot[None]) -> None:
        write_whole(learner, RIGHT)
        await until(pilot, told(app, "properties hold"))
        assert "beside the reference" not in shown(app)
        await pilot.press("t")
        await until(pilot, told(app, "yours beside the reference"))

    in_pilot(app, steps)
    assert [exercise for exercise, _, _ in Journal(home).times()] == ["dropout"]


def test_the_list_shows_states_and_opens_what_is_chosen_or_saved(app: Watch, home: Path):
    journal = Journal(home)
    journal.finish(journal.begin("attention", "yours", "f", b""), "passed", "{}")

    async def steps(pilot: Pilot[None]) -> None:
        options = app.query_one(OptionList)
        assert "✓ attention" in str(options.get_option("attention").prompt)
        await pilot.press("up")
        assert "Attention" in shown(app)
        dropout.stub.write_text(RIGHT)
        await until(pilot, lambda: app.current == dropout)
        await until(pilot, told(app, "properties hold"))
        assert "✓ dropout" in str(options.get_option("dropout").prompt)

    in_pilot(app, steps)


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (200, 60)], ids=str)
def test_every_key_is_in_the_footer_and_nothing_is_cut_at_any_size(app: Watch, size: tuple[int, int]):
    async def steps(pilot: Pilot[None]) -> None:
        screen = app.screen
        assert screen.size == size
        footer = " ".join(str(key.description) for key in app.query("FooterKey"))
        for word in ("Next", "Hint", "Solution", "Reset", "Edit", "Time it", "Brief", "Verdict", "Quit"):
            assert word in footer
        if size[0] >= 80:
            assert max(key.region.right for key in app.query("FooterKey")) <= size[0]
        assert app.query_one("#pane").region.bottom <= size[1]

    in_pilot(app, steps, size)


def test_plain_says_the_same_line_by_line(sandbox: Sandbox, fingerprints: Fingerprints, learner: Path, monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(render, "console", Console(file=said, width=120, color_system=None))
    ended = threading.Event()

    def tell(news: News) -> None:
        plain.tell(news)
        if isinstance(news, Done):
            ended.set()

    live = Live(sandbox, fingerprints, tell)
    write_whole(learner, WRONG)
    live.grade(dropout)
    assert ended.wait(PATIENCE)
    live.close()
    lines = said.getvalue()
    assert "✗" in lines
    assert "This looks like: forgets to rescale" in lines
    assert "\x1b" not in lines


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """The part of the repository that a grader needs, as in a fresh clone: its files may be edited."""
    skipped = shutil.ignore_patterns("__pycache__", ".*")
    for part in ("grader", "exercises", "solutions"):
        shutil.copytree(ROOT / part, tmp_path / "clone" / part, ignore=skipped)
    return tmp_path / "clone"


def test_in_a_real_terminal(copy: Path, known: Path):
    with Terminal([sys.executable, "-m", "grader", "watch", "dropout"], copy, GRADER_HOME=str(known)) as terminal:
        terminal.wait_for("Write inverted dropout")
        terminal.wait_for("q Quit")
        assert terminal.screen.splitlines()[-1].startswith("n Next")
        (copy / "exercises" / "dropout" / "dropout.py").write_text(WRONG)
        terminal.wait_for("This looks like: forgets to rescale")
        terminal.press("h")
        terminal.wait_for(f"Hint 1 of {len(dropout.hints)}")
        terminal.press("q")
        assert terminal.ended() == 0


def test_a_pipe_gets_plain_lines_and_an_interrupt_ends_them(copy: Path, known: Path):
    (copy / "exercises" / "dropout" / "dropout.py").write_text(WRONG)
    environment = os.environ | {"GRADER_HOME": str(known), "PYTHONPATH": str(copy)}
    command = [sys.executable, "-m", "grader", "watch", "dropout"]
    grader = subprocess.Popen(command, cwd=copy, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    lines = []
    for line in grader.stdout:
        lines.append(line)
        if line.startswith("failed"):
            break
    grader.send_signal(signal.SIGINT)
    assert grader.wait(PATIENCE) == 0
    assert "This looks like: forgets to rescale" in "".join(lines)
    assert "\x1b" not in "".join(lines)
