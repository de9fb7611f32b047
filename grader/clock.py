"""Asks a worker to time a submission beside the reference, and reads its rows: the supervisor's side of a benchmark."""

import math
from dataclasses import dataclass, replace
from typing import Any

from grader.estimate import Estimate
from grader.grading import Candidate, cell_for
from grader.listen import listen
from grader.sandbox import Sandbox
from grader.verdict import Growth, Timing
from grader.wire import Message

SECONDS = 300  # of CPU time for all workloads together


class NotTimed(Exception):
    """There is nothing to time; the message says why, in one line."""


@dataclass(frozen=True)
class Clocked:
    timings: tuple[Timing, ...]
    growth: tuple[Growth, ...]


def clocked(sandbox: Sandbox, candidate: Candidate, growth: bool = False, device: str = "cpu") -> Clocked:
    """The submission, the reference and torch in turns; of a candidate `solution`, the reference and torch only.

    For a submission that has passed: here it runs in one process with the reference, whose text it could read.
    Raises NotTimed.
    """
    exercise, reference = candidate.exercise, candidate.exercise.solution.read_bytes()
    yours = b"" if candidate.submission == "solution" else candidate.source
    request = {
        "job": "benchmark", "exercise": exercise.name, "file": candidate.file, "asks_for": exercise.asks_for,
        "reference_bytes": len(reference), "growth": growth, "device": device,
    }  # fmt: skip
    cell = replace(cell_for(exercise, "workloads.py"), is_timed=True)
    if device != "cpu":  # the driver's files lie outside any view, and it maps more memory than any limit allows
        cell = replace(cell, namespaces=False, address_bytes=None, data_bytes=None)
    run = sandbox.start(request, reference + yours, cell, SECONDS)
    run.allow(SECONDS)
    timings, curves = [], []
    for _, message, _ in listen([run]):
        match message:
            case {"event": "timing"}:
                timings.append(_timing(message))
            case {"event": "growth"}:
                curves.append(_growth(message))
            case {"event": "raised" | "forbidden" | "memory" | "broken", "message": str(why)}:
                raise NotTimed((why.strip().splitlines() or ["it did not say why"])[-1][:200])
    if run.stopped:
        raise NotTimed(str(run.stopped))
    return Clocked(tuple(filter(None, timings)), tuple(filter(None, curves)))


def _timing(message: Message) -> Timing | None:
    """None for a row that makes no sense: the worker ran the submission."""
    try:
        size = {str(axis): int(length) for axis, length in message["size"].items()}
        seconds = {str(name): _finite(value) for name, value in message["seconds"].items()}
        ratios = {str(name): _estimate(value) for name, value in message["ratios"].items()}
        return Timing(str(message["workload"])[:80], size, seconds, ratios)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _growth(message: Message) -> Growth | None:
    try:
        workload, runner, axis = (str(message[key])[:80] for key in ("workload", "runner", "axis"))
        lengths, sizes = (tuple(int(_finite(x)) for x in message[key]) for key in ("lengths", "bytes"))
        seconds = tuple(_finite(x) for x in message["seconds"])
        time, memory = (_estimate(message[key]) for key in ("time", "memory"))
        declared_time, declared_memory = (
            None if message[key] is None else _finite(message[key]) for key in ("declared_time", "declared_memory")
        )
        flops = int(_finite(message["flops"]))
        return Growth(workload, runner, axis, lengths, seconds, sizes, flops, time, memory, declared_time, declared_memory)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _estimate(values: Any) -> Estimate:
    middle, low, high = values
    return Estimate(_finite(middle), _finite(low), _finite(high))


def _finite(number: object) -> float:
    """Raises ValueError: JSON knows neither infinity nor NaN."""
    if not isinstance(number, float | int) or not math.isfinite(number):
        raise ValueError(number)
    return float(number)
