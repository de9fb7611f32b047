"""Holds the properties of an exercise to the submission that stands in the learner's place, one by one."""

import copy
import cProfile
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any
from zlib import crc32

import hypothesis.core
import pytest
from hypothesis import Phase, seed, settings
from hypothesis.errors import HypothesisException
from torch import Tensor

from grader.catalogue import Exercise
from grader.forbidden import Forbidden
from grader.kit import Disagreement
from grader.paste import difference, paste
from grader.wire import told

Property = Callable[[], None]


# Hypothesis hashes the source of every test, as a seed and as a key of its database, which takes as long as several examples.
# `bind` gives seeds; where there is one for all, as its plugin for pytest takes from the command line, there is no key.
hypothesis.core.global_force_seed = 0  # type: ignore[assignment]


@dataclass(frozen=True)
class Finding:
    """What one property met. `outcome` is passed, failed (the claim is false), error (an exception) or not_run."""

    name: str
    outcome: str
    seconds: float = 0.0
    message: str = ""
    counterexample: str = ""


class _NotMadeSmall(BaseException):
    """Carries a failure past Hypothesis, which would repeat and print it, where nobody reads the counterexample."""


def bind(exercise: Exercise, module: ModuleType) -> dict[str, Property]:
    """The properties, freshly imported while `module` stands where the learner's file would; costly ones last.

    Each draws from a seed of its own: its name, or a new one each time where the profile leaves it to chance.
    """
    sys.modules[exercise.module] = module
    properties = sys.modules[exercise.properties] = ModuleType(exercise.properties)
    properties.__file__ = str(exercise.tests)
    exec(_code(exercise.tests), vars(properties))
    found = {name: value for name, value in vars(properties).items() if name.startswith("test_")}
    for name, test in found.items():
        seed(crc32(name.encode()) if settings().derandomize else secrets.randbits(64))(test)
    return dict(sorted(found.items(), key=lambda item: is_costly(item[1])))


@cache
def _code(path: Path) -> CodeType:
    """Compiled once for all the submissions that one worker holds; no cache of the interpreter's can be read in a cell."""
    return compile(path.read_bytes(), path, "exec")


def calls(exercise: Exercise, module: ModuleType, name: str) -> set[str]:
    """The functions and methods of `module` that one property calls, once it is freshly imported."""
    profile = cProfile.Profile(builtins=False)
    profile.enable()
    try:
        bind(exercise, module)[name]()
    finally:
        profile.disable()
    codes = [entry.code for entry in profile.getstats() if not isinstance(entry.code, str)]
    return {code.co_qualname.partition(".<locals>")[0] for code in codes if code.co_filename == module.__file__}


def is_costly(test: Property) -> bool:
    return getattr(test, "costly", False)


def examine(properties: dict[str, Property], file: str, started: Callable[[str], None]) -> Iterator[Finding]:
    """One finding per property, as it comes; `started` is told each name before. Raises Forbidden.

    A costly property is not run once another is broken or unwritten.
    """
    sound = True
    for name, test in properties.items():
        if is_costly(test) and not sound:
            yield Finding(name, "not_run", message="takes seconds, so it waits until all others hold")
            continue
        started(name)
        finding = _hold(name, test, file)
        sound = sound and finding.outcome == "passed"
        yield finding


def _hold(name: str, test: Property, file: str) -> Finding:
    drawn = _record_draws(test)
    start = time.perf_counter()
    try:
        test()
    except BaseException as why:
        why, seconds = _cause(why), time.perf_counter() - start
        if isinstance(why, Forbidden | MemoryError):
            raise why from None
        if isinstance(why, NotImplementedError):
            return Finding(name, "not_run", seconds, "not written yet")
        outcome = "failed" if isinstance(why, AssertionError | pytest.fail.Exception) else "error"
        return Finding(name, outcome, seconds, told(_message, why, file)[:2000], told(_counterexample, why, drawn))
    return Finding(name, "passed", time.perf_counter() - start)


def _record_draws(test: Property) -> dict[str, Any]:
    """A dict that holds what Hypothesis drew last; at a failure, that is the smallest counterexample.

    Replacing `inner_test` is what Hypothesis documents for test runners. Tensors are copied before the submission sees them.
    """
    drawn: dict[str, Any] = {}
    handle = getattr(test, "hypothesis", None)
    if handle is None:
        return drawn
    inner = handle.inner_test
    makes_small = Phase.shrink in settings().phases

    def recorded(*arguments: Any, **named: Any) -> None:
        drawn.clear()
        drawn.update({name: value.clone() if isinstance(value, Tensor) else copy.copy(value) for name, value in named.items()})
        try:
            inner(*arguments, **named)
        except HypothesisException:  # no failure: input that it should not have drawn
            raise
        except Exception as why:
            if makes_small:
                raise
            raise _NotMadeSmall from why

    handle.inner_test = recorded
    return drawn


def _cause(why: BaseException) -> BaseException:
    """Of a group (Hypothesis calls a failure that does not repeat 'flaky') the first member; else the exception itself."""
    if isinstance(why, _NotMadeSmall) and why.__cause__:
        why = why.__cause__
    while isinstance(why, BaseExceptionGroup) and why.exceptions:
        why = why.exceptions[0]
    return why


def _message(why: BaseException, file: str) -> str:
    """One short paragraph: the learner's line for the learner's exception, the property's line for a bare assertion."""
    if isinstance(why, Disagreement):
        return difference(why.got, why.expected)
    frames = traceback.extract_tb(why.__traceback__)
    text = told(str, why).strip()
    mine = [frame for frame in frames if frame.filename == file]
    if not isinstance(why, AssertionError | pytest.fail.Exception):
        where = f"line {mine[-1].lineno}, in {mine[-1].name}: " if mine else ""
        return f"{where}{type(why).__name__}: {text}" if text else f"{where}{type(why).__name__}"
    if text:
        return text
    theirs = [frame for frame in frames if "/test_" in frame.filename]
    return f"this does not hold: {theirs[-1].line}" if theirs else "the assertion does not hold"


def _counterexample(why: BaseException, drawn: dict[str, Any]) -> str:
    """Assignments that paste into a REPL, then what came beside what was expected."""
    lines = [f"{name} = {paste(value)}" for name, value in drawn.items()]
    if isinstance(why, Disagreement):
        lines += [f"got = {paste(why.got)}", f"expected = {paste(why.expected)}"]
    return "\n".join(lines)
