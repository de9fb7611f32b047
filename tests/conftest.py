"""One sandbox for all tests of a process, a journal of its own for each test, and what the suite prints in the end.

`pytest` alone takes as many processes as there are cores; with a path it takes one, unless `-n` says otherwise.
"""

import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from xdist.scheduler import LoadScopeScheduling

from grader import cell, cli
from grader.catalogue import Exercise
from grader.fingerprints import Fingerprints
from grader.sandbox import Sandbox

Rates = dict[str, Counter[str]]
rates = pytest.StashKey[Rates]()
deselected = pytest.StashKey[set[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if everything and config.option.numprocesses is None and not hasattr(config, "workerinput"):
        config.option.numprocesses = os.cpu_count()


class ByExercise(LoadScopeScheduling):
    """Hands out tests one by one, but all that concerns one exercise to the same process: it gets to know its mistakes once."""

    def _split_scope(self, nodeid: str) -> str:
        concerns = re.search(r"test_exercises\.py::\w+\[(\w+)", nodeid)
        return concerns[1] if concerns else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByExercise:
    return ByExercise(config, log)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[rates], config.stash[deselected] = {}, set()
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that ran some of the tests hands over what it counted."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["rates"] = {name: dict(counter) for name, counter in config.stash[rates].items()}
        config.workeroutput["deselected"] = sorted(config.stash[deselected])


def pytest_testnodedown(node: Any) -> None:
    handed_over = getattr(node, "workeroutput", {})  # nothing of a process that died
    node.config.stash[deselected].update(handed_over.get("deselected", []))
    for name, counts in handed_over.get("rates", {}).items():
        node.config.stash[rates].setdefault(name, Counter()).update(counts)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`GRADER_HOME` in a temporary folder, so that no test sees another's journal, or yours."""
    monkeypatch.setenv("GRADER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(thoroughly=True) as shared:
        yield shared


@pytest.fixture(scope="session")
def fingerprints(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Fingerprints:
    """What one process of the tests gets to know, all know."""
    base = tmp_path_factory.getbasetemp()
    return Fingerprints((base if worker_id == "master" else base.parent) / "fingerprints")


@pytest.fixture(scope="session")
def acquaint(sandbox: Sandbox, fingerprints: Fingerprints) -> Callable[[Path, Exercise], Path]:
    """Makes the mistakes of an exercise known in a journal's folder: to get to know them takes many gradings."""

    def acquaint(home: Path, exercise: Exercise) -> Path:
        fingerprints.of(exercise, sandbox)
        (home / "fingerprints").mkdir(parents=True)
        for file in fingerprints.folder.glob(f"{exercise}-*.json"):
            shutil.copy(file, home / "fingerprints")
        return home

    return acquaint


@pytest.fixture
def known(home: Path, acquaint: Callable[[Path, Exercise], Path]) -> Path:
    """A journal's folder in which the mistakes of dropout are known already."""
    return acquaint(home, Exercise("dropout"))


@pytest.fixture
def grader(sandbox: Sandbox, fingerprints: Fingerprints, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line in this process, with the session's sandbox where it would start one of its own."""
    monkeypatch.setattr(cli, "new_sandbox", lambda many=False: nullcontext(sandbox))
    monkeypatch.setattr(cli, "kept_fingerprints", lambda announce: fingerprints)
    return lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Counter[str]:
    """Counts under the name of the test function; printed at the end of the run."""
    return request.config.stash[rates].setdefault(request.function.__name__, Counter())


MARKS = {
    "namespaces": "needs the kernel's namespaces",
    "limits": "runs submissions without namespaces",
    "ordinary_user": "drops from root to an ordinary user, who needs to be able to read the interpreter",
    "dev": "holds a reference to a library of the extra 'dev'",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What this machine can't run is deselected, and named in the end, not skipped."""
    lacking = {
        "namespaces": not _namespaces_work(),
        "ordinary_user": os.getuid() != 0 or not _everyone_may_run(sys.prefix),
        "dev": find_spec("sacrebleu") is None,
    }
    marked = lambda item: any(item.get_closest_marker(name) and lacks for name, lacks in lacking.items())
    left_out = [item for item in items if marked(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        config.stash[deselected].update(item.nodeid for item in left_out)
        items[:] = [item for item in items if not marked(item)]


def _namespaces_work() -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0 if cell.unshare(cell.Cell((), (), cpu_seconds=1)) else 1)
    return os.waitpid(child, 0)[1] == 0


def _everyone_may_run(prefix: str) -> bool:
    places = [Path(prefix).resolve(), Path(sys.executable).resolve(), Path(sys.base_prefix).resolve()]
    return all(parent.stat().st_mode & 0o001 for place in places for parent in (place, *place.parents))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name in sorted(config.stash[deselected]):
        terminalreporter.write_line(f"deselected, this machine can't run it: {name}")
    for name, counter in config.stash[rates].items():
        counts = ", ".join(f"{number} {what}" for what, number in sorted(counter.items()))
        terminalreporter.write_line(f"{name}: {counts}")
