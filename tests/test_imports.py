"""Which module may import which: the design's picture, held."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from grader.catalogue import ROOT

# A file imports only what stands to its left, and within the grader nothing else.
ORDER = [
    "catalogue", "estimate", "verdict", "rows", "database", "journal", "schedule", "progress", "review", "stub", "mutants",
    "wire", "cell", "diagnose", "bugs", "explain", "scaffold", "oral",
    "kit", "paste", "forbidden", "submission", "examine", "audit", "benchmark", "worker", "zygote",
    "twins", "run", "listen", "sandbox", "reach", "fingerprints", "testimony", "grading", "clock", "attempt", "live", "rubric",
    "pack", "interview", "room", "scorecard",
    "render", "pages", "arguments", "follow", "fullscreen", "watch", "candidate", "interviewer", "prompt", "report", "handout",
    "mock", "study", "rehearse",
    "training.recipe", "training.request", "training.yours", "training.text", "training.pieces", "training.model",
    "training.optimizers", "training.engine", "training.checkpoint", "training.folder", "training.throughput", "training.run",
    "training.mine", "training.display", "training.session", "train", "form", "check", "cli", "__main__",
]  # fmt: skip
KNOWS_NO_GRADER = ["catalogue", "estimate", "rows", "database", "schedule", "stub", "mutants", "wire", "cell"]
IN_WORKERS = ["kit", "paste", "forbidden", "submission", "examine", "audit", "benchmark", "worker", "zygote"]
IN_TRAINING = ["training.mine"]  # in a process of its own, which loads what the learner wrote
SCREENS = ["watch", "fullscreen", "candidate", "interviewer"]
FILES = sorted(path for path in (ROOT / "grader").glob("*.py") if path.name != "__init__.py")
FILES += sorted(path for path in (ROOT / "grader" / "training").glob("*.py") if path.name != "__init__.py")


def module(path: Path) -> str:
    """The module's name within the grader."""
    return ".".join(path.relative_to(ROOT / "grader").with_suffix("").parts)


def imports(name: str) -> set[str]:
    """Top-level names, and modules of the grader as 'grader.x', that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / "grader" / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name if alias.name.startswith("grader.") else alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module in ("grader", "grader.training"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module if str(node.module).startswith("grader.") else str(node.module).split(".")[0])
    return found


@pytest.mark.parametrize("name", [module(path) for path in FILES])
def test_a_file_imports_only_what_stands_to_its_left(name: str):
    allowed = set() if name in KNOWS_NO_GRADER else {f"grader.{left}" for left in ORDER[: ORDER.index(name)]}
    if name not in IN_WORKERS + IN_TRAINING:
        allowed -= {f"grader.{worker}" for worker in IN_WORKERS}
    assert {module for module in imports(name) if module.startswith("grader.")} <= allowed


def test_only_what_draws_knows_rich_and_only_the_journal_knows_sql():
    names = list(map(module, FILES))
    assert [name for name in names if "rich" in imports(name)] == [*sorted(["pages", "render", *SCREENS]), "training.display"]
    assert [name for name in names if "textual" in imports(name)] == sorted(SCREENS)
    assert [name for name in names if "sqlite3" in imports(name)] == ["database", "journal"]


@pytest.mark.parametrize(
    "command",
    [["list"], ["--help"], ["run", "nothing"], ["hint", "dropout"], ["train", "--help"], ["interview", "--help"]],
    ids=" ".join,
)
def test_the_command_line_needs_no_torch(command: list[str], home):
    arguments = [sys.executable, "-X", "importtime", "-m", "grader", *command]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "grader.catalogue" in imported
    assert "torch" not in imported
    assert done.returncode == (2 if "nothing" in command else 0), done.stderr
