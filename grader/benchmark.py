"""Times a submission beside the reference and torch's own operator: in turns, in one process, on one thread.

What is quoted is the median of paired ratios of CPU time, never a bare time: on a machine with other work, two calls made
one after the other suffer alike, and their ratio holds where each alone does not.
"""

import statistics
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from grader.audit import Answer, compare, workloads
from grader.catalogue import Exercise
from grader.kit import Submission, Workload

TURNS = 15
SECONDS = 0.6  # of CPU time per workload and size, roughly


def measure(exercise: Exercise, yours: ModuleType | None, reference: ModuleType) -> Iterator[dict[str, Any]]:
    """One row per timed workload at its largest size; a submission whose outputs are wrong there has no time."""
    for workload in workloads(exercise):
        if not workload.is_timed:
            continue
        size = workload.sizes[-1]
        runners: dict[str, Submission] = {"solution": reference}
        if yours is not None and _is_right(workload, yours, reference, size):
            runners["yours"] = yours
        if workload.beside is not None:
            runners["torch"] = workload.beside
        seconds = take_turns(workload, runners, size)
        row: dict[str, Any] = {
            "workload": workload.name,
            "size": size,
            "yours": None,
            "solution": None,
            "torch": None,
            "growth": None,
        }
        row |= {name: statistics.median(times) for name, times in seconds.items()}
        row["ratios"] = {
            f"{one}/{other}": ratio(seconds[one], seconds[other])
            for one, other in (("yours", "solution"), ("yours", "torch"), ("solution", "torch"))
            if one in seconds and other in seconds
        }
        yield row


def take_turns(workload: Workload, runners: dict[str, Submission], size: dict[str, int]) -> dict[str, list[float]]:
    """CPU seconds of each runner's calls, A B C A B C …, after one call of each that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    start = time.process_time()
    for turn in range(-1, TURNS):
        for name, runner in runners.items():
            before = time.process_time()
            workload(runner, 1, **size)
            if turn >= 0:
                seconds[name].append(time.process_time() - before)
        if turn >= 4 and time.process_time() - start > SECONDS * len(runners):
            break
    return seconds


def ratio(one: list[float], other: list[float]) -> list[float]:
    """[median, lower quartile, upper quartile] of the paired ratios."""
    ratios = [a / max(b, 1e-9) for a, b in zip(one, other, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return [middle, low, high]


def _is_right(workload: Workload, yours: Submission, reference: Submission, size: dict[str, int]) -> bool:
    try:
        got = Answer(workload.name, 1, dict(workload(yours, 1, **size)))
    except Exception:
        return False
    return compare(got, Answer(workload.name, 1, dict(workload(reference, 1, **size)))) == {}
