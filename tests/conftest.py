"""One sandbox for all tests of a process, a journal of its own for each test, and the rates that the suite prints."""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from grader import cell
from grader.catalogue import Exercise
from grader.fingerprints import Fingerprints
from grader.sandbox import Sandbox

rates = pytest.StashKey[dict[str, Counter[str]]]()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`GRADER_HOME` in a temporary folder, so that no test sees another's journal, or yours."""
    monkeypatch.setenv("GRADER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as shared:
        yield shared


@pytest.fixture(scope="session")
def fingerprints(tmp_path_factory: pytest.TempPathFactory) -> Fingerprints:
    return Fingerprints(tmp_path_factory.mktemp("fingerprints"))


@pytest.fixture
def known(home: Path, sandbox: Sandbox, fingerprints: Fingerprints) -> Path:
    """A journal's folder in which the mistakes of dropout are known already: to get to know them takes many gradings."""
    fingerprints.of(Exercise("dropout"), sandbox)
    shutil.copytree(fingerprints.folder, home / "fingerprints")
    return home


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Counter[str]:
    """Counts under the name of the test function; printed at the end of the run."""
    every = request.config.stash.setdefault(rates, {})
    return every.setdefault(request.function.__name__, Counter())


MARKS = {
    "namespaces": "needs the kernel's namespaces",
    "limits": "runs submissions without namespaces",
    "ordinary_user": "drops from root to an ordinary user, who needs to be able to read the interpreter",
    "dev": "holds a reference to a library of the extra 'dev'",
}
deselected = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


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
        config.stash[deselected] = [item.nodeid for item in left_out]
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
    for name in config.stash.get(deselected, []):
        terminalreporter.write_line(f"deselected, this machine can't run it: {name}")
    for name, counter in config.stash.get(rates, {}).items():
        counts = ", ".join(f"{number} {what}" for what, number in sorted(counter.items()))
        terminalreporter.write_line(f"{name}: {counts}")
