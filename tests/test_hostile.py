"""Hostile submissions: no wrong answer passes, every right one does, and nothing is left behind.

Line 1 of a file in hostile/ says what must become of it; line 2 may say what becomes of it without namespaces. Whoever runs
these tests is the user under whom they hold; `ordinary_user` repeats them under another, where root runs them.
`-m namespaces`, `-m limits` and `-m ordinary_user` select.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from typer.testing import Result

from grader.catalogue import ROOT, Exercise
from grader.grading import Budget, Candidate, Grading
from grader.sandbox import Sandbox
from grader.verdict import Verdict
from tests.terminal import heed_interrupts

FILES = {path.stem: path for path in sorted((Path(__file__).parent / "hostile").glob("*.py"))}
EXERCISE = Exercise("attention")
# Nothing honest here takes a quarter of that. Memory takes its time to be filled, so there is less of it.
HASTE = Budget(cheap=1.0, costly=1.0, total=30)
LITTLE_ROOM = Budget(resident=512 << 20)
NOBODY = 65534
Command = Callable[..., Result]

ONLY_CONFINED = {
    "kills_everything": "without a pid namespace, everything is everything",
    "fork_bomb": "no process limit binds root outside a namespace",
    "fills_the_disk": "without a tmpfs of its own, the disk is yours",
}
NOT_COPIED = (".*", "__pycache__", "*.egg-info")


def right() -> bytes:
    """Any right answer: one that needs nothing but its own process."""
    return FILES["prints_a_lot"].read_bytes().replace(b'print("x" * (1 << 20))', b"")


def expected(file: Path, namespaces: bool) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    confined = lines[0].removeprefix("# expects: ")
    without = lines[1].removeprefix("# without namespaces: ") if "without namespaces: " in lines[1] else confined
    return (confined if namespaces else without).split(" or ")


@dataclass(frozen=True)
class Traces:
    """What a grading could leave behind: processes below ours, mounts, and files where it has no business."""

    processes: frozenset[int]
    mounts: str
    files: frozenset[str]

    @classmethod
    def now(cls, *folders: Path) -> "Traces":
        below = psutil.Process().children(recursive=True)  # we adopt orphans: whoever left its session is found here too
        alive = frozenset(process.pid for process in below if _is_alive(process))
        return cls(alive, Path("/proc/self/mounts").read_text(), frozenset(_files(ROOT)).union(*map(_files, folders)))


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _files(folder: Path) -> set[str]:
    """Every name, and the sizes where the exercise lives: elsewhere somebody may be editing at this moment."""
    found = set()
    for name, folders, files in os.walk(folder):
        folders[:] = [sub for sub in folders if not sub.startswith((".", "__pycache__"))]
        sized = EXERCISE.name in name
        found |= {f"{name}/{file} {os.lstat(f'{name}/{file}').st_size if sized else ''}" for file in files}
    return found


@pytest.fixture(scope="module")
def tmp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Everybody's temporary folder, for as long as these tests run."""
    folder = tmp_path_factory.mktemp("tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture(scope="module")
def a_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "journal.sqlite").write_text("precious")
    return folder


@pytest.fixture(scope="module", autouse=True)
def listener() -> Iterator[None]:
    """Somebody to talk to, for `asks_the_network`."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # other tests at the same time listen already
            server.bind(("127.0.0.1", 47123))
            server.listen()
        yield


@pytest.fixture(scope="module")
def confined(tmp: Path, a_journal: Path) -> Iterator[Sandbox]:
    with Sandbox(hidden=(str(a_journal),), thoroughly=True) as sandbox:
        sandbox.warm()
        assert sandbox.isolation() == "namespaces"
        yield sandbox


@pytest.fixture(scope="module")
def limited(tmp: Path, a_journal: Path) -> Iterator[Sandbox]:
    with Sandbox(namespaces=False, hidden=(str(a_journal),), thoroughly=True) as sandbox:
        sandbox.warm()
        assert sandbox.isolation() == "limits"
        yield sandbox


def graded(sandbox: Sandbox, source: bytes, name: str = "answer.py", budget: Budget = HASTE) -> Verdict:
    return Grading(sandbox, Candidate(EXERCISE, "yours", name, source), budget=budget).verdict()


def holds_in_time(condition: Callable[[], bool]) -> bool:
    """A process that was killed takes a moment to be gone."""
    return any(condition() or time.sleep(0.02) for _ in range(3000))  # type: ignore[func-returns-value]


def survives(sandbox: Sandbox, file: Path, tmp: Path, home: Path, namespaces: bool) -> None:
    """The verdict is the one that is due, it is well-formed, and nothing is left behind."""
    outcomes = expected(file, namespaces)
    sandbox.warm()
    before = Traces.now(tmp, home)
    verdict = graded(sandbox, file.read_bytes(), file.name, LITTLE_ROOM if "memory" in outcomes else HASTE)
    assert verdict.outcome in outcomes, verdict.message
    assert "STOLEN" not in verdict.printed
    assert len(verdict.message.splitlines()) == 1
    assert json.loads(verdict.to_json(), parse_constant=pytest.fail)["outcome"] == verdict.outcome
    assert holds_in_time(lambda: not left_behind(before, tmp, home)), left_behind(before, tmp, home)
    assert not Path("/tmp/whiteboard-was-bombed").exists()


def left_behind(before: Traces, *folders: Path) -> list[str]:
    after = Traces.now(*folders)
    added = [f"process {pid}" for pid in after.processes - before.processes] + sorted(after.files - before.files)
    gone = sorted(file for file in before.files - after.files if not file.startswith(str(ROOT)) or EXERCISE.name in file)
    return added + gone + ["mounts"] * (after.mounts != before.mounts)


@pytest.mark.namespaces
@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_gets_its_outcome_and_leaves_nothing(name: str, confined: Sandbox, tmp: Path, a_journal: Path) -> None:
    survives(confined, FILES[name], tmp, a_journal, namespaces=True)


@pytest.mark.limits
@pytest.mark.parametrize("name", [name for name in FILES if name not in ONLY_CONFINED])
def test_without_namespaces_no_wrong_answer_passes(name: str, limited: Sandbox, tmp: Path, a_journal: Path) -> None:
    survives(limited, FILES[name], tmp, a_journal, namespaces=False)


@pytest.mark.namespaces
def test_a_right_answer_passes_after_all_that(confined: Sandbox) -> None:
    assert graded(confined, right()).outcome == "passed"


ENCODED = {
    "byte_order_mark": (b"\xef\xbb\xbf" + right(), "passed"),
    "crlf": (right().replace(b"\n", b"\r\n"), "passed"),
    "latin_1": (b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + right(), "passed"),
    "utf_16_declared_as_such": (b"# -*- coding: utf-16 -*-\n" + right(), "failed"),
    "invalid_utf_8": (b"# caf\xe9\n" + right(), "failed"),
    "unknown_encoding": (b"# -*- coding: klingon -*-\n" + right(), "failed"),
    "nul_bytes": (right() + b"\0", "failed"),
    "nothing_at_all": (b"", "failed"),
    "deep_nesting": (b"x = " + b"(" * 5000 + b")" * 5000 + b"\n" + right(), "failed"),
    "a_long_sum": (b"x = " + b"+1" * 200_000 + b"\n" + right(), "failed or crashed or memory"),
}


@pytest.mark.namespaces
@pytest.mark.parametrize("name", ENCODED)
def test_any_source_that_python_accepts_is_graded_and_no_other(name: str, confined: Sandbox) -> None:
    source, outcome = ENCODED[name]
    verdict = graded(confined, source)
    assert verdict.outcome in outcome.split(" or "), verdict.message
    assert len(verdict.message.splitlines()) == 1


# Through the command line


@pytest.fixture(scope="module")
def cli_home(tmp_path_factory: pytest.TempPathFactory, acquaint: Callable[[Path, Exercise], Path]) -> Path:
    return acquaint(tmp_path_factory.mktemp("cli"), EXERCISE)


def run(file: Path | str, home: Path, *options: str) -> tuple[int, dict]:
    """The exit code and the one JSON object that the command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "grader", "run", "attention", "--file", str(file), "--json", "--no-bench", *options],
        cwd=ROOT, env=os.environ | {"GRADER_HOME": str(home)}, capture_output=True, text=True,
        timeout=900,
    )  # fmt: skip
    return done.returncode, one_object(done.stdout, done.stderr)


def one_object(stdout: str, stderr: str) -> dict:
    """All that a command printed: one JSON object, and no traceback or escape code."""
    assert stdout.count("\n") == 1, stdout + stderr
    assert "Traceback" not in stdout + stderr
    assert "\x1b" not in stdout + stderr
    return json.loads(stdout, parse_constant=pytest.fail)


THROUGH_THE_COMMAND_LINE = (
    "escape_codes", "exits_in_a_call", "fake_verdict", "forbidden_by_name", "forged_pass", "long_message",
    "numbers_beyond_measure", "speechless_exception", "system_exit_at_import", "twenty_gigabytes",
)  # fmt: skip


@pytest.mark.namespaces
@pytest.mark.parametrize("name", [name for name, (_, outcome) in ENCODED.items() if outcome != "passed"])
def test_a_source_that_is_no_python_harms_no_parser_of_ours(name: str, tmp_path: Path, grader: Command) -> None:
    (tmp_path / "answer.py").write_bytes(ENCODED[name][0])
    result = grader("run", "attention", "--file", tmp_path / "answer.py", "--json", "--no-bench")
    one_object(result.stdout, result.stderr)
    assert result.exit_code == 1


@pytest.mark.namespaces
@pytest.mark.parametrize("name", THROUGH_THE_COMMAND_LINE)
def test_the_command_line_prints_one_object_and_exits_with_1(name: str, grader: Command) -> None:
    result = grader("run", "attention", "--file", FILES[name], "--json", "--no-bench")
    found = one_object(result.stdout, result.stderr)
    assert (result.exit_code, found["outcome"]) == (1, *expected(FILES[name], namespaces=True))


@pytest.mark.namespaces
def test_so_does_a_process_of_its_own(cli_home: Path) -> None:
    code, found = run(FILES["fake_verdict"], cli_home)
    assert (code, found["outcome"]) == (1, *expected(FILES["fake_verdict"], namespaces=True))


@pytest.mark.namespaces
@pytest.mark.parametrize("name", ["directory", "fifo", "device", "too_large", "missing", "link_to_nothing", "link_to_itself"])
def test_what_is_no_file_to_grade_is_no_submission(name: str, tmp_path: Path, cli_home: Path) -> None:
    path = tmp_path / "answer.py"
    make = {
        "directory": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "too_large": lambda: path.write_bytes(right() + b"#" * (1 << 20)),
        "missing": lambda: None,
        "link_to_nothing": lambda: path.symlink_to(tmp_path / "nowhere"),
        "link_to_itself": lambda: path.symlink_to(path),
    }
    make[name]()
    code, found = run(path, cli_home)
    assert (code, found["outcome"]) == (2, "no_submission")


@pytest.mark.namespaces
def test_a_file_behind_a_link_is_graded(tmp_path: Path, cli_home: Path) -> None:
    (tmp_path / "real.py").write_bytes(right())
    (tmp_path / "link.py").symlink_to(tmp_path / "real.py")
    code, found = run(tmp_path / "link.py", cli_home)
    assert (code, found["outcome"]) == (0, "passed")


@pytest.mark.namespaces
def test_a_file_edited_meanwhile_is_graded_as_it_was(tmp_path: Path, cli_home: Path) -> None:
    """The hash in the verdict is that of the text which the outcome is about."""
    wrong = FILES["answers_nan"].read_bytes()
    outcomes = {right(): "passed", wrong: "failed"}
    by_hash = {Candidate(EXERCISE, "yours", "", text).sha256: outcome for text, outcome in outcomes.items()}
    file, over = tmp_path / "answer.py", threading.Event()
    file.write_bytes(wrong)

    def edit() -> None:
        while not over.wait(0.01):
            for text in (right(), wrong):
                file.with_suffix(".new").write_bytes(text)
                file.with_suffix(".new").replace(file)

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        _, found = run(file, cli_home)
    finally:
        over.set()
        editor.join()
    assert found["outcome"] == by_hash[found["sha256"]]


@pytest.mark.namespaces
def test_an_interrupted_grading_leaves_nothing(tmp_path: Path, cli_home: Path) -> None:
    """Whoever kills the supervisor kills its zygotes and workers too."""
    command = [sys.executable, "-m", "grader", "run", "attention", "--file", str(FILES["sleeps_forever"]), "--json"]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        environment = os.environ | {"GRADER_HOME": str(cli_home), "TMPDIR": str(tmp_path)}
        grader = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=heed_interrupts,
        )  # fmt: skip
        assert holds_in_time(lambda: len(psutil.Process(grader.pid).children(recursive=True)) >= 4)  # noqa: B023
        family = psutil.Process(grader.pid).children(recursive=True)
        grader.send_signal(number)
        grader.wait(60)
        assert holds_in_time(lambda: not any(_is_alive(process) for process in family)), number  # noqa: B023


@pytest.mark.ordinary_user
def test_an_ordinary_user_is_as_safe(tmp_path: Path) -> None:
    """The same tests once more, on a copy of the repository, as nobody."""
    copy = Path(tempfile.mkdtemp(prefix="ordinary-", dir="/tmp"))
    try:
        shutil.copytree(ROOT, copy / "repository", ignore=shutil.ignore_patterns(*NOT_COPIED))
        for path in (copy, *copy.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        tests = ["-p", "no:cacheprovider", "tests/test_hostile.py", "-k", "outcome_and_leaves_nothing"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *tests],
            cwd=copy / "repository", user=NOBODY, group=NOBODY, extra_groups=[],
            env=os.environ | {"HOME": str(copy), "TMPDIR": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, timeout=3600,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-5000:]
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def test_every_hostile_file_says_what_must_become_of_it() -> None:
    for file in FILES.values():
        first, second, *_ = file.read_text(encoding="utf-8").splitlines()
        assert re.fullmatch(r"# expects: [a-z_]+( or [a-z_]+)?", first), file
        assert second.startswith("# "), file
    assert set(ONLY_CONFINED) <= set(FILES)
