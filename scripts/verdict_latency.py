"""How quick a verdict is, as a multiple of `import torch` in the same run. Prints ratios and where the time goes.

    python scripts/verdict_latency.py

Warm: the sandbox's processes run already, as in `run --all`, `check` and a screen that stays open. Cold: a whole
`grader run --no-bench` from nothing.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from grader.catalogue import ROOT, Exercise, exercises
from grader.grading import Candidate, Grading
from grader.sandbox import Sandbox

ROUNDS = 5


def main() -> None:
    torch = statistics.median(seconds(lambda: command("-c", "import torch")) for _ in range(3))
    print(f"import torch: 1.00 (the unit), {os.getloadavg()[0]:.1f} processes running on {os.cpu_count()} cores")
    print(f"{'':<16} verdict   first property   until all properties   until the audit's end")
    verdicts = []
    quick = [exercise for exercise in exercises() if exercise.kind == "coding" and not exercise.costly]
    with Sandbox() as sandbox:
        sandbox.isolation()  # wait until it is warm
        for exercise in quick:
            rows = [warm(sandbox, exercise, exercise.solution.read_bytes()) for _ in range(ROUNDS + 1)][1:]
            first, properties, total = (statistics.median(column) / torch for column in zip(*rows, strict=True))
            verdicts.append(total)
            print(f"{exercise.name:<16} {total:7.2f}   {first:14.2f}   {properties:20.2f}   {total:21.2f}")
        failing = [warm(sandbox, exercise, stubbed(exercise))[0] / torch for exercise in quick for _ in range(ROUNDS)]
    print(f"warm verdict, median over the exercises: {statistics.median(verdicts):.2f} (aim: at most 0.50)")
    print(f"first feedback of a failing submission, median: {statistics.median(failing):.2f}")
    with tempfile.TemporaryDirectory() as home:
        os.environ["GRADER_HOME"] = home
        run = ("-m", "grader", "run", "attention", "--no-bench", "--json", "--file", str(Exercise("attention").solution))
        cold = statistics.median(seconds(lambda: command(*run)) for _ in range(3)) / torch
    print(f"cold `run --no-bench`: {cold:.2f} (aim: at most 2.00)")


def warm(sandbox: Sandbox, exercise: Exercise, source: bytes) -> tuple[float, float, float]:
    """Seconds until the first property's result, the last one's, and the verdict."""
    times: list[float] = []
    start = time.perf_counter()
    Grading(
        sandbox, Candidate(exercise, "yours", "answer.py", source), lambda _: times.append(time.perf_counter() - start)
    ).verdict()
    return times[0], times[-1], time.perf_counter() - start


def stubbed(exercise: Exercise) -> bytes:
    """An answer that raises at once."""
    return exercise.stub.read_bytes().replace(b"raise NotImplementedError", b"raise RuntimeError")


def command(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
