"""An attempt: a file is read once, graded, and recorded, its source before it is graded and its verdict before it is shown."""

import ast
import os
import stat
from collections.abc import Callable
from pathlib import Path

from grader.catalogue import Exercise, same_code
from grader.fingerprints import Fingerprints
from grader.grading import Candidate, Grading, Listener
from grader.journal import Journal, JournalError, home
from grader.sandbox import GraderError, Sandbox
from grader.stub import erase
from grader.verdict import Verdict

LARGEST_SOURCE = 1 << 20


class NoSubmission(Exception):
    """There is no such file, or it is no source; the message says which."""


def read_source(path: Path) -> bytes:
    """The bytes of a regular file, behind a symbolic link or not. Raises NoSubmission."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO must not block us
    except OSError as why:
        raise NoSubmission(f"{path}: {why.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NoSubmission(f"{path} is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            source = opened.read(LARGEST_SOURCE + 1)
    finally:
        os.close(descriptor)
    if len(source) > LARGEST_SOURCE:
        raise NoSubmission(f"{path} is larger than 1 MB")
    return source


def is_untouched(exercise: Exercise, source: bytes) -> bool:
    """Not started: the file's syntax tree equals the stub's."""
    try:
        return same_code(source.decode(), erase(exercise.solution.read_text(encoding="utf-8")))
    except UnicodeDecodeError:
        return False


def recorded(
    sandbox: Sandbox, candidate: Candidate, heard: Listener, journal: Journal, warn: Callable[[str], None], keep: bool = True
) -> Verdict:
    """The verdict, recorded where `keep` is set. A journal that fails costs one warning and nothing else."""
    warned: list[str] = []
    number = None
    try:
        if keep:
            number = journal.begin(candidate.exercise.name, candidate.submission, candidate.file, candidate.source)
    except JournalError as why:
        warned.append(f"not recorded: {why}")
    found = _named_what_is_missing(candidate, _graded(sandbox, candidate, heard, warn))
    try:
        if number is not None:
            journal.finish(number, found.outcome, found.to_json())
    except JournalError as why:
        warned.append(f"not recorded: {why}")
    for line in [journal.notice, *warned]:
        if line:
            warn(line)
    return found


def _graded(sandbox: Sandbox, candidate: Candidate, heard: Listener, announce: Callable[[str], None]) -> Verdict:
    try:
        return Grading(sandbox, candidate, heard).verdict(Fingerprints(home() / "fingerprints", announce))
    except GraderError as why:
        last = str(why).strip().splitlines()[-1]
        return Verdict(
            candidate.exercise.name, candidate.submission, candidate.file, candidate.sha256, "grader_error", last
        )  # fmt: skip


def _named_what_is_missing(candidate: Candidate, found: Verdict) -> Verdict:
    """A renamed function breaks every property that needs it; the message says so at once."""
    if found.outcome != "failed":
        return found
    try:
        defined = {
            node.name for node in ast.walk(ast.parse(candidate.source)) if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    missing = [name for name in candidate.exercise.asks_for if name not in defined]
    return found.but(message=f"{found.message}; it does not define {', '.join(missing)}") if missing else found
