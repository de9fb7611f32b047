"""Times a submission beside the reference and torch's own operator: in turns, in one process, on one thread.

What is quoted is the median of paired ratios of CPU time, never a bare time: on a machine with other work, two calls made
one after the other suffer alike, and their ratio holds where each alone does not. On a GPU the clock is the wall's, between
synchronisations, with the cache cleared before every turn.
"""

import math
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from grader.audit import Answer, differing, workloads
from grader.catalogue import Exercise
from grader.estimate import exponent, median_of_ratios
from grader.kit import Submission, Workload

TURN = 0.004  # seconds that one turn should last at least: a short call is repeated
FEWEST, MOST = 9, 41  # turns
SECONDS = 0.5  # per runner, once there are turns enough
REPEATS = 5  # calls per size of a growth curve, of which the quickest counts
L2_CACHE = 256 << 20  # bytes: more than any card's

Row = dict[str, Any]


def measure(exercise: Exercise, yours: ModuleType | None, reference: ModuleType, device: str = "cpu") -> Iterator[Row]:
    """One row per timed workload at its largest size; a submission whose outputs are wrong there has no time."""
    torch.set_default_device(device) if device != "cpu" else None
    for workload in timed(exercise):
        size = workload.sizes[-1]
        runners = _runners(workload, yours, reference, [size])
        seconds = take_turns({name: _call(workload, runner, size) for name, runner in runners.items()}, device)
        yield {"workload": workload.name, "size": size, "seconds": {name: min(times) for name, times in seconds.items()}} | {
            "ratios": {
                f"{one}/{other}": median_of_ratios(seconds[one], seconds[other])
                for one, other in (("yours", "solution"), ("yours", "torch"), ("solution", "torch"))
                if one in seconds and other in seconds
            }
        }


def grow(exercise: Exercise, yours: ModuleType | None, reference: ModuleType, device: str = "cpu") -> Iterator[Row]:
    """Per timed workload and runner: seconds and peak bytes at every size, their exponents, and FLOPs at the largest."""
    torch.set_default_device(device) if device != "cpu" else None
    for workload in timed(exercise):
        lengths = [next(iter(size.values())) for size in workload.sizes]
        for name, runner in _runners(workload, yours, reference, workload.sizes).items():
            calls = [_call(workload, runner, size) for size in workload.sizes]
            seconds = [_quickest(call, device) for call in calls]
            memory = [peak_bytes(call, device) for call in calls]
            yield {
                "workload": workload.name, "runner": name, "axis": next(iter(workload.sizes[0])), "lengths": lengths,
                "seconds": seconds, "bytes": memory, "flops": _flops(calls[-1]),
                "time": exponent(lengths, seconds), "memory": exponent(lengths, memory),
                "declared_time": workload.time, "declared_memory": workload.memory,
            }  # fmt: skip


def timed(exercise: Exercise) -> list[Workload]:
    return [workload for workload in workloads(exercise) if workload.is_timed]


def take_turns(calls: dict[str, Callable[[], object]], device: str = "cpu") -> dict[str, list[float]]:
    """Seconds per call of each, measured A B C, C B A, A B C …, after one call of each that does not count."""
    for call in calls.values():
        call()
    repeats = {name: max(1, math.ceil(TURN / max(_seconds(call, 1, device), 1e-9))) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    order, spent = list(calls), 0.0
    for turn in range(MOST):
        for name in order if turn % 2 == 0 else reversed(order):
            each = _seconds(calls[name], repeats[name], device)
            seconds[name].append(each)
            spent += each * repeats[name]
        if turn + 1 >= FEWEST and spent > SECONDS * len(calls):
            break
    return seconds


def _seconds(call: Callable[[], object], repeats: int, device: str) -> float:
    """Per call: of CPU time, or of wall time between synchronisations of the GPU."""
    if device == "cpu":
        start = time.process_time()
        for _ in range(repeats):
            call()
        return (time.process_time() - start) / repeats
    torch.empty(L2_CACHE, dtype=torch.int8, device=device).zero_()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


def _quickest(call: Callable[[], object], device: str) -> float:
    call()
    return min(_seconds(call, 1, device) for _ in range(REPEATS))


def peak_bytes(call: Callable[[], object], device: str) -> int:
    """The most that the call's tensors occupied at one time: by the profiler's record, or the GPU allocator's."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        call()
    events = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    total = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        total += event.nbytes()
        most = max(most, total)
    return most


def _flops(call: Callable[[], object]) -> int:
    """Floating-point operations of matrix products and the like, forward and backward; 0 where they can't be counted."""
    with FlopCounterMode(display=False) as counter:
        try:
            call()
        except RuntimeError:  # the counter's hooks refuse a leaf that goes straight into a module and wants its gradient
            return 0
    return int(counter.get_total_flops())


def _call(workload: Workload, runner: Submission, size: dict[str, int]) -> Callable[[], object]:
    return lambda: workload(runner, 1, **size)


def _runners(workload: Workload, yours: ModuleType | None, reference: ModuleType, sizes: list[Row]) -> dict[str, Submission]:
    """Who is timed. A submission that answers wrongly at one of the sizes is not."""
    runners: dict[str, Submission] = {}
    if yours is not None and all(_is_right(workload, yours, reference, size) for size in sizes):
        runners["yours"] = yours
    runners["solution"] = reference
    if workload.beside is not None:
        runners["torch"] = workload.beside
    return runners


def _is_right(workload: Workload, yours: Submission, reference: Submission, size: Row) -> bool:
    try:
        got = Answer(workload.name, 1, dict(workload(yours, 1, **size)))
    except Exception:
        return False
    return differing(got, Answer(workload.name, 1, dict(workload(reference, 1, **size)))) == {}
