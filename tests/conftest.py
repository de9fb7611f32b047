"""One sandbox for all tests of a process, a journal of its own for each test, and the rates that the suite prints."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

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
def count(request: pytest.FixtureRequest) -> Counter[str]:
    """Counts under the name of the test function; printed at the end of the run."""
    every = request.config.stash.setdefault(rates, {})
    return every.setdefault(request.function.__name__, Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, counter in config.stash.get(rates, {}).items():
        counts = ", ".join(f"{number} {what}" for what, number in sorted(counter.items()))
        terminalreporter.write_line(f"{name}: {counts}")
