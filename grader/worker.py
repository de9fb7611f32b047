"""What a forked worker does: one job, its events as messages up a pipe. Whatever happens, it ends here.

The jobs of a learner's worker never see a solution; those of a trusted worker never run a line of the learner's code.
"""

import importlib
import itertools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType

import torch
from hypothesis import settings

from grader.audit import Answer, answers, described, differing, likeness, packed, unpacked
from grader.benchmark import grow, measure
from grader.catalogue import Exercise
from grader.examine import bind, calls, examine, is_costly
from grader.forbidden import Forbidden, Guard
from grader.submission import load, load_guarded, mistaken, mistakes, solution, submission
from grader.wire import HEARD_ALL, Frames, Message, frame, told

OUT_OF_MEMORY = ("can't allocate memory", "Cannot allocate memory", "out of memory", "bad_alloc")


class Reporter:
    """The worker's end of the pipe."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __call__(self, message: Message, body: bytes = b"") -> None:
        waiting = memoryview(frame(message, body))
        while waiting:
            waiting = waiting[os.write(self.descriptor, waiting) :]


Inbox = Iterator[tuple[Message, bytes]]  # what the supervisor says after the worker was locked in


def delivered(descriptor: int) -> Inbox:
    """Every message as it comes, until the supervisor is gone. Raises ProtocolError."""
    frames = Frames()
    while data := os.read(descriptor, 1 << 20):
        yield from frames.feed(data)


def work(request: Message, body: bytes, report: Reporter, inbox: Inbox) -> None:
    """Do the job and say how it went. Never raises."""
    try:
        os.environ["TMPDIR"] = tempfile.tempdir = request["tmp"]
        importlib.invalidate_caches()  # the view of the file system is another one now
        JOBS[request["job"]](request, body, report, inbox)
        report({"event": "done"})
    except Forbidden as why:
        report({"event": "forbidden", "message": str(why)})
    except MemoryError:
        report({"event": "memory", "message": "the submission asked for more memory than it may have"})
    except BaseException:
        report({"event": "broken", "message": traceback.format_exc()[-4000:]})


def _loaded(request: Message, body: bytes, report: Reporter) -> tuple[ModuleType, Guard | None] | None:
    """The submission, or None where it could not be loaded, which is then reported: that is a verdict, not a fault."""
    exercise = Exercise(request["exercise"])
    if "mistake" in request:
        return submission(exercise, request["mistake"]), None
    try:
        module, guard = load_guarded(exercise, body, request["file"], request["asks_for"], request["forbids"])
    except (Forbidden, MemoryError):
        raise
    except BaseException as why:
        report({"event": "raised", "message": _at_import(why, request["file"])})
        return None
    report({"event": "loaded"})
    return module, guard


def _at_import(why: BaseException, file: str) -> str:
    if isinstance(why, SyntaxError):
        where = f"line {why.lineno}: " if why.lineno else ""
        return f"{where}{type(why).__name__}: {why.msg}"
    mine = [frame.lineno for frame in traceback.extract_tb(why.__traceback__) if frame.filename == file]
    where = f"line {mine[-1]}: " if mine else ""
    return f"{where}{type(why).__name__}: {told(str, why)}".rstrip(": ")


def _properties(request: Message, body: bytes, report: Reporter, inbox: Inbox) -> None:
    """Hold the properties to the submission, one event before and one after each."""
    settings.load_profile(request["profile"])
    loaded = _loaded(request, body, report)
    if loaded is None:
        return
    module, guard = loaded
    properties = bind(Exercise(request["exercise"]), module)
    if "only" in request:
        properties = {name: test for name, test in properties.items() if name in request["only"]}
    for finding in examine(properties, request["file"], lambda name: report({"event": "started", "name": name})):
        report({"event": "property", **vars(finding)})
        if any(sign in finding.message for sign in OUT_OF_MEMORY):
            raise MemoryError
        if request.get("stop_at_first") and finding.outcome != "passed":
            return
        if guard:
            guard.check()


def _workloads(request: Message, body: bytes, report: Reporter, inbox: Inbox) -> None:
    """Run the workloads on the submission with seeds that it could not have known when it was loaded.

    All run before any is sent, so that an answer that a later call overwrites arrives spoiled.
    """
    exercise = Exercise(request["exercise"])
    loaded = _loaded(request, body, report)
    if loaded is None:
        return
    module, guard = loaded
    if request.get("beside_properties"):
        bind(exercise, module)
    elif guard:
        guard.close_operators()
    report({"event": "ready"})
    told_seeds, _ = next(inbox)
    for answer in list(answers(exercise, module, [int(seed) for seed in told_seeds["seeds"]])):
        if any(sign in answer.error for sign in OUT_OF_MEMORY):
            raise MemoryError
        for message, data in packed(answer):
            report(message, data)
    if guard:
        guard.check()


def _compare(request: Message, body: bytes, report: Reporter, inbox: Inbox) -> None:
    """Trusted: answer as the solution does, hold a submission's answers against that, and say which mistakes they are like.

    The solution answers while the submission still does; whose answers, and then a few likely mistakes, come through the inbox.
    """
    exercise, seeds = Exercise(request["exercise"]), request["seeds"]
    right = list(answers(exercise, solution(exercise), seeds))
    testimony = list(itertools.takewhile(lambda said: said[0] != HEARD_ALL, inbox))
    received = {(answer.workload, answer.seed): answer for answer in unpacked(testimony)}
    silent = lambda answer: Answer(answer.workload, answer.seed, error="no reply")
    got = [received.get((answer.workload, answer.seed)) or silent(answer) for answer in right]
    for mine, correct in zip(got, right, strict=True):
        for output, why in differing(mine, correct).items():
            detail = described(why)
            report({"event": "differs", "workload": mine.workload, "output": output, "seed": mine.seed, "detail": detail})
    report({"event": "compared"})
    asked, _ = next(inbox)
    for mistake in mistakes(exercise):
        if mistake.name in asked["mistakes"]:
            other = list(answers(exercise, mistaken(exercise, mistake), seeds, timed=False))
            share = likeness(got[: len(other)], right[: len(other)], other)  # the timed ones come last
            report({"event": "likeness", "mistake": mistake.name, "share": share})


def _describe_mistakes(request: Message, body: bytes, report: Reporter, inbox: Inbox) -> None:
    exercise = Exercise(request["exercise"])
    for mistake in mistakes(exercise):
        told = {"name": mistake.name, "replaces": mistake.replaces, "lesson": mistake.lesson, "twin_of": mistake.twin_of}
        report({"event": "mistake", **told})
    for equivalent in getattr(sys.modules[exercise.mistakes], "equivalents", []):
        report({"event": "equivalent", "mutant": equivalent.mutant, "reason": equivalent.reason})


def _reach(request: Message, body: bytes, report: Reporter, inbox: Inbox) -> None:
    """Trusted: what each property calls of the solution, each in a world of its own: none lives on another's results."""
    exercise = Exercise(request["exercise"])
    settings.load_profile(request["profile"])
    for name, test in bind(exercise, solution(exercise)).items():
        if not is_costly(test):
            report({"event": "reach", "name": name, "calls": sorted(calls(exercise, solution(exercise), name))})


def _fingerprints(request: Message, body: bytes, report: Reporter, inbox: Inbox) -> None:
    """Trusted: which properties each mistake, or set of bugs, breaks, of those that are held to it."""
    exercise = Exercise(request["exercise"])
    settings.load_profile(request["profile"])
    for name, held in request["held"].items():
        properties = bind(exercise, submission(exercise, name))
        some = {name: test for name, test in properties.items() if name in held}
        broken = [one.name for one in examine(some, "", lambda _: None) if one.outcome in ("failed", "error")]
        report({"event": "fingerprint", "mistake": name, "broken": broken})


def _audit_mistakes(request: Message, body: bytes, report: Reporter, inbox: Inbox) -> None:
    """Trusted: whether the workloads alone, without any property, tell each mistake from the solution."""
    exercise, seeds = Exercise(request["exercise"]), [1, 2]
    right = list(answers(exercise, solution(exercise), seeds))
    for mistake in mistakes(exercise):
        wrong = answers(exercise, mistaken(exercise, mistake), seeds)
        told = any(differing(one, other) for one, other in zip(wrong, right, strict=True))
        report({"event": "audited", "mistake": mistake.name, "told": told})


def _benchmark(request: Message, body: bytes, report: Reporter, inbox: Inbox) -> None:
    """Time the submission, the reference and torch in turns. Runs for a submission that has passed already."""
    exercise = Exercise(request["exercise"])
    length = request["reference_bytes"]
    reference = load(exercise, body[:length], "reference", request["asks_for"])
    yours = load(exercise, body[length:], request["file"], request["asks_for"]) if body[length:] else None
    if request["device"] != "cpu" and not torch.cuda.is_available():
        report({"event": "raised", "message": f"there is no device {request['device']!r} here"})
        return
    for row in measure(exercise, yours, reference, request["device"]):
        report({"event": "timing", **row})
    for row in grow(exercise, yours, reference, request["device"]) if request["growth"] else ():
        report({"event": "growth", **row})


JOBS: dict[str, Callable[[Message, bytes, Reporter, Inbox], None]] = {
    "properties": _properties,
    "workloads": _workloads,
    "compare": _compare,
    "mistakes": _describe_mistakes,
    "reach": _reach,
    "fingerprints": _fingerprints,
    "audit_mistakes": _audit_mistakes,
    "benchmark": _benchmark,
}
