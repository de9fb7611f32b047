"""Loads what the properties judge: a source text, the solution, or the solution with a mistake laid over it."""

import importlib
import sys
from collections.abc import Callable
from importlib.util import decode_source, module_from_spec, spec_from_loader
from types import ModuleType
from typing import Any

from grader.catalogue import TOGETHER, Exercise
from grader.forbidden import Forbidden, Guard, scan
from grader.kit import Mistake
from grader.stub import plant


def load(exercise: Exercise, source: str | bytes, file: str, asks_for: list[str]) -> ModuleType:
    """`source` as the module that properties import; a name of `asks_for` that it lacks becomes a function that raises.

    Raises whatever the source raises when it is compiled or executed. Compiled here, never from a .pyc, which two quick
    saves can leave stale. Nothing watches what it calls: see `load_guarded`.
    """
    module = module_from_spec(spec_from_loader(exercise.module, loader=None, origin=file))  # type: ignore[arg-type]
    module.__file__ = file
    sys.modules[exercise.module] = module  # before it runs, as `import` does: dataclasses look themselves up there
    try:
        exec(compile(source, file, "exec"), vars(module))
    except BaseException:
        del sys.modules[exercise.module]
        raise
    for name in asks_for:
        vars(module).setdefault(name, _missing(name))
    return module


def load_guarded(
    exercise: Exercise, source: bytes, file: str, asks_for: list[str], forbids: list[str]
) -> tuple[ModuleType, Guard]:
    """The same, with a guard around it. Raises Forbidden as well, and SyntaxError where the bytes are no text."""
    text = decode_source(source)  # `compile` would let invalid bytes pass in a comment, where `import` does not
    reached = scan(text, forbids)
    if reached:
        raise Forbidden(f"{reached} is not allowed here")
    guard = Guard(file, forbids)
    module = guard.call(load, exercise, text, file, asks_for)
    guard.wrap(module, asks_for)
    return module, guard


def solution(exercise: Exercise) -> ModuleType:
    return load(exercise, exercise.solution.read_bytes(), str(exercise.solution), exercise.asks_for)


def mistakes(exercise: Exercise) -> list[Mistake]:
    module = importlib.import_module(exercise.mistakes)
    return [value for value in vars(module).values() if isinstance(value, Mistake)]


def planted(exercise: Exercise, *bugs: str) -> ModuleType:
    """A fresh solution with these bugs in its text, so that they meet one another as they do in the stub."""
    solution, mistakes = (path.read_text(encoding="utf-8") for path in (exercise.solution, exercise.mistakes_file))
    return load(exercise, plant(solution, mistakes, bugs), str(exercise.solution), exercise.asks_for)


def mistaken(exercise: Exercise, mistake: Mistake) -> ModuleType:
    """A fresh solution in which the mistake stands in for the function or method that it replaces."""
    if exercise.kind == "debugging":
        return planted(exercise, mistake.name)
    module = solution(exercise)
    owner_name, _, name = mistake.replaces.rpartition(".")
    owner: Any = vars(module).get(owner_name) if owner_name else module
    if owner is None or name not in vars(owner):
        raise LookupError(f"{mistake.name} replaces {mistake.replaces!r}, which {exercise.solution} does not define")
    setattr(owner, name, mistake.function)
    return module


def submission(exercise: Exercise, name: str) -> ModuleType:
    """'yours', 'solution', the name of a mistake, or of several bugs joined by '+'. Raises LookupError for any other."""
    match name:
        case "yours":
            source = exercise.stub.read_bytes()
            return load_guarded(exercise, source, str(exercise.stub), exercise.asks_for, exercise.forbids)[0]
        case "solution":
            return solution(exercise)
    known = {mistake.name: mistake for mistake in mistakes(exercise)}
    if exercise.kind == "debugging" and known.keys() >= set(name.split(TOGETHER)):
        return planted(exercise, *name.split(TOGETHER))
    if name not in known:
        raise LookupError(f"no submission {name!r} of {exercise}; there are: yours, solution, {', '.join(known)}")
    return mistaken(exercise, known[name])


def _missing(name: str) -> Callable[..., None]:
    def missing(*_: object, **__: object) -> None:
        raise NameError(f"the submission does not define {name!r}")

    missing.__name__ = name
    return missing
