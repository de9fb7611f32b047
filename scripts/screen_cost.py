"""CPU time of every study screen with a journal of many attempts.

    python scripts/screen_cost.py [ATTEMPTS]

A command's cost counts from its first line to its last: opening the journal, reading it, working it out and drawing it. What
Python takes to start and import is told apart, since the journal has no part in it.
"""

import io
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from click.testing import Result

LIMIT = 0.1  # seconds
YEAR = 365 * 86_400.0
SCREENS = (
    (), ("list",), ("next",), ("stats",), ("history", "attention"), ("history", "attention", "--diff", "1", "2"), ("review",),
    ("hint", "attention"), ("plan", "--until", "2030-01-15", "--hours", "5"),
)  # fmt: skip


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"GRADER_HOME": home, "COLUMNS": "80"}
        fill(wanted)
        size = (Path(home) / "journal.db").stat().st_size / 2**20
        from typer.testing import CliRunner

        from grader import cli

        print(f"a journal of {wanted:,} attempts, {size:.0f} MB")

        def invoke(arguments: tuple[str, ...]) -> Result:
            return CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)

        slow = [arguments for arguments in SCREENS if seconds_of(invoke, arguments) > LIMIT]
        seconds_of(invoke, ("report", "-o", f"{home}/r.html"))  # a file, not a screen
    print(f"{len(slow)} of {len(SCREENS)} screens took more than {LIMIT} s")
    sys.exit(bool(slow))


def seconds_of(invoke: Callable[[tuple[str, ...]], Result], arguments: tuple[str, ...]) -> float:
    """CPU time, the median of three calls."""
    invoke(arguments)  # what it imports for itself
    times = []
    for _ in range(3):
        began = time.process_time()
        with redirect_stdout(io.StringIO()):
            result = invoke(arguments)
        times.append(time.process_time() - began)
        assert result.exit_code == 0, result.output
    print(f"{sorted(times)[1]:6.3f} s  grader {' '.join(arguments)}")
    return sorted(times)[1]


def fill(wanted: int) -> None:
    """Attempts over a year at all exercises, verdicts as long as real ones."""
    from grader.catalogue import exercises
    from grader.journal import Journal

    chance, clock = random.Random(1), [time.time() - YEAR]
    journal = Journal(clock=lambda: clock[0])
    coding = [exercise for exercise in exercises() if exercise.kind != "oral"]
    rows = [{"name": "test_" + "p" * 30, "claim": "c" * 80, "outcome": "passed", "message": "", "counterexample": ""}] * 25
    verdict = json.dumps({"outcome": "failed", "properties": rows, "diagnosis": []})
    for number in range(wanted):
        clock[0] += YEAR / wanted
        exercise = chance.choice(coding)
        if chance.random() < 0.05:
            journal.note(exercise.name, "reset")
        attempt = journal.begin(exercise.name, "yours", "f.py", f"# {number}\n".encode() + b"    scores = q @ k.mT\n" * 100)
        outcome = chance.choice(["passed", "failed", "failed"])
        journal.finish(attempt, outcome, verdict, "" if outcome == "passed" else chance.choice(exercise.mistake_names))
    journal.close()


if __name__ == "__main__":
    main()
