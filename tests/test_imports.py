"""Which module may import which: the design's picture, held."""

import ast
import subprocess
import sys

import pytest

from grader.catalogue import ROOT

# A file imports only what stands to its left, and within the grader nothing else.
ORDER = [
    "catalogue", "estimate", "verdict", "journal", "stub", "mutants", "wire", "cell", "diagnose", "explain", "scaffold", "oral",
    "kit", "paste", "forbidden", "submission", "examine", "audit", "benchmark", "worker", "zygote",
    "sandbox", "fingerprints", "grading", "clock", "attempt", "render", "form", "check", "cli", "__main__",
]  # fmt: skip
KNOWS_NO_GRADER = ["catalogue", "estimate", "journal", "stub", "mutants", "wire", "cell"]
IN_WORKERS = ["kit", "paste", "forbidden", "submission", "examine", "audit", "benchmark", "worker", "zygote"]
FILES = sorted(path for path in (ROOT / "grader").glob("*.py") if path.name != "__init__.py")


def imports(name: str) -> set[str]:
    """Top-level names, and modules of the grader as 'grader.x', that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / "grader" / f"{name}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name if alias.name.startswith("grader.") else alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "grader":
            found |= {f"grader.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module if str(node.module).startswith("grader.") else str(node.module).split(".")[0])
    return found


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_a_file_imports_only_what_stands_to_its_left(name: str):
    allowed = set() if name in KNOWS_NO_GRADER else {f"grader.{left}" for left in ORDER[: ORDER.index(name)]}
    if name not in IN_WORKERS:
        allowed -= {f"grader.{worker}" for worker in IN_WORKERS}
    assert {module for module in imports(name) if module.startswith("grader.")} <= allowed


def test_only_render_knows_rich_and_only_the_journal_knows_sql():
    assert [path.stem for path in FILES if "rich" in imports(path.stem)] == ["render"]
    assert [path.stem for path in FILES if "sqlite3" in imports(path.stem)] == ["journal"]


@pytest.mark.parametrize("command", [["list"], ["--help"], ["run", "nothing"], ["hint", "dropout"]], ids=" ".join)
def test_the_command_line_needs_no_torch(command: list[str], home):
    done = subprocess.run([sys.executable, "-X", "importtime", "-m", "grader", *command], cwd=ROOT, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "grader.catalogue" in imported
    assert "torch" not in imported
    assert done.returncode == (2 if "nothing" in command else 0), done.stderr
