"""One attempt: read the file, store it, grade it, store the verdict and what it means for the next review."""

import ast
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from grader.catalogue import Exercise, same_code, write_whole
from grader.clock import Clocked, clocked
from grader.database import JournalError, home
from grader.fingerprints import Fingerprints
from grader.grading import Candidate, Grading, Listener
from grader.journal import Journal
from grader.review import after_pass
from grader.sandbox import Sandbox
from grader.stub import erase, plant
from grader.twins import GraderError
from grader.verdict import Verdict

LARGEST_SOURCE = 1 << 20


class NoSubmission(Exception):
    """There is no such file, or it is no source; the message says which."""


@dataclass(frozen=True)
class Sitting:
    """The round of an interview to which an attempt belongs: fresh property seeds, and no row of practice."""

    session: int
    round: int


def new_sandbox(many: bool = False) -> Sandbox:
    """`GRADER_NAMESPACES=off` grades as on a system that has none. `many`: so many gradings are to come."""
    return Sandbox(os.environ.get("GRADER_NAMESPACES", "on") != "off", hidden=(str(home()),), thoroughly=many)


def kept_fingerprints(announce: Callable[[str], None]) -> Fingerprints:
    return Fingerprints(home() / "fingerprints", announce)


def recorded(
    sandbox: Sandbox,
    candidate: Candidate,
    heard: Listener,
    warn: Callable[[str], None],
    fingerprints: Fingerprints,
    keep: bool = True,
    sitting: Sitting | None = None,
) -> Verdict:
    """The verdict, recorded where `keep` is set. A journal that fails costs one warning and nothing else.

    `sitting` is the round of an interview that it belongs to. Raises Cancelled; the source is in the journal then too.
    """
    journal, warned = Journal(), list[str]()
    number = None
    try:
        if keep:
            number = begun(journal, candidate, sitting)
    except JournalError as why:
        warned.append(f"not recorded: {why}")
    found = _named_what_is_missing(candidate, _graded(sandbox, candidate, heard, fingerprints, sitting))
    try:
        if number is not None:
            _store(journal, number, candidate, found, sitting)
    except JournalError as why:
        warned.append(f"not recorded: {why}")
    journal.close()
    for line in [journal.notice, *warned]:
        if line:
            warn(line)
    return found


def begun(journal: Journal, candidate: Candidate, sitting: Sitting | None) -> int:
    """The number under which a source that is about to be graded is stored."""
    name, file, source = candidate.exercise.name, candidate.file, candidate.source
    if sitting is None:
        return journal.begin(name, candidate.submission, file, source)
    return journal.begin(name, "interview", file, source, sitting.session, sitting.round)


def _graded(
    sandbox: Sandbox, candidate: Candidate, heard: Listener, fingerprints: Fingerprints, sitting: Sitting | None
) -> Verdict:
    try:
        return Grading(sandbox, candidate, heard, "interview" if sitting else "practice").verdict(fingerprints)
    except GraderError as why:
        last = str(why).strip().splitlines()[-1]
        return Verdict(
            candidate.exercise.name, candidate.submission, candidate.file, candidate.sha256, "grader_error", last
        )  # fmt: skip


def _store(journal: Journal, number: int, candidate: Candidate, found: Verdict, sitting: Sitting | None) -> None:
    mistake = found.diagnosis[0].mistake if found.diagnosis else ""
    journal.finish(number, found.outcome, found.to_json(), mistake)
    if found.outcome == "passed" and candidate.submission == "yours" and sitting is None:
        after_pass(journal, candidate.exercise)


def timed(
    sandbox: Sandbox, candidate: Candidate, warn: Callable[[str], None], growth: bool = False, device: str = "cpu"
) -> Clocked:
    """A benchmark of a submission that has passed; of yours it is recorded. Raises NotTimed."""
    times = clocked(sandbox, candidate, growth, device)
    if candidate.submission == "yours":
        journal = Journal()
        try:
            journal.time(candidate.exercise.name, json.dumps(asdict(times)), bool(times.growth))
        except JournalError as why:
            warn(f"not recorded: {why}")
        journal.close()
    return times


def _named_what_is_missing(candidate: Candidate, found: Verdict) -> Verdict:
    """A renamed function breaks every property that needs it; the message says so at once."""
    if found.outcome != "failed":
        return found
    try:
        defined = set(_defined(ast.parse(candidate.source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    missing = [name for name in candidate.exercise.asks_for if name not in defined]
    return found.but(message=f"{found.message}; it does not define {', '.join(missing)}") if missing else found


def _defined(tree: ast.Module) -> Iterator[str]:
    """The names that a module gets: by definition, import or assignment, under an `if` or `try` too."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        match waiting.pop():
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=asname):
                yield asname or name
            case node:
                waiting += ast.iter_child_nodes(node)


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


def fresh_stub(exercise: Exercise) -> str:
    """What the learner begins with: the solution with its answers erased, or with every bug planted."""
    solution = exercise.solution.read_text(encoding="utf-8")
    if exercise.kind == "debugging":
        return plant(solution, exercise.mistakes_file.read_text(encoding="utf-8"))
    return erase(solution)


def is_untouched(exercise: Exercise, source: bytes) -> bool:
    """Not started: the file's syntax tree equals the stub's."""
    try:
        return same_code(source.decode(), fresh_stub(exercise))
    except UnicodeDecodeError:
        return False


def replace_answer(journal: Journal, exercise: Exercise, text: str, kind: str) -> int | None:
    """Put another text in the learner's file; `kind` (reset, review, restore) is noted.

    What stood there is stored first, unless it is the stub: as which attempt at the exercise, counted from 1, or None.
    Raises JournalError and NoSubmission, before anything is replaced.
    """
    ordinal = None
    if exercise.stub.exists():
        old = read_source(exercise.stub)
        if old != fresh_stub(exercise).encode():
            journal.keep(exercise.name, str(exercise.stub), old)
            ordinal = len(journal.entries(exercise.name))
    journal.note(exercise.name, kind)
    write_whole(exercise.stub, text)
    return ordinal
