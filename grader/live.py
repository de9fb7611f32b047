"""Grades a file at every save, one grading at a time: a newer save calls off the one that runs."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from grader.attempt import NoSubmission, Sitting, is_untouched, read_source, recorded, timed
from grader.catalogue import Exercise
from grader.clock import NotTimed
from grader.diagnose import Known
from grader.fingerprints import Fingerprints
from grader.grading import Candidate
from grader.listen import Cancelled
from grader.sandbox import Sandbox
from grader.verdict import PropertyResult, Verdict

STEP = 20  # milliseconds without another change, and a save is over
LOOK = 200  # milliseconds between two looks at the files themselves


@dataclass(frozen=True)
class Began:
    """A grading has begun."""

    exercise: Exercise


@dataclass(frozen=True)
class Idle:
    """There is nothing to grade; the message says why."""

    exercise: Exercise
    message: str


@dataclass(frozen=True)
class Heard:
    """One property, as soon as it is known."""

    exercise: Exercise
    result: PropertyResult


@dataclass(frozen=True)
class Done:
    exercise: Exercise
    verdict: Verdict


@dataclass(frozen=True)
class Noted:
    """A warning, or a word to whoever waits."""

    exercise: Exercise
    message: str


News = Began | Idle | Heard | Done | Noted


@dataclass(eq=False)
class Job:
    exercise: Exercise
    bench: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)


class Shared(Fingerprints):
    """Two threads that need the fingerprints of one exercise work them out once."""

    def __init__(self, of: Fingerprints) -> None:
        super().__init__(of.folder)
        self._lock = threading.Lock()

    def of(self, exercise: Exercise, sandbox: Sandbox) -> list[Known]:
        """As the parent's. Raises Cancelled."""
        while not self._lock.acquire(timeout=0.1):
            if sandbox.cancelled.is_set():
                raise Cancelled
        try:
            return super().of(exercise, sandbox)
        finally:
            self._lock.release()


class Live:
    """A thread that grades what was asked for last. `tell` is called in that thread.

    `sitting` says to which round of an interview an exercise belongs; without it, all is practice.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        fingerprints: Fingerprints,
        tell: Callable[[News], object],
        sitting: Callable[[Exercise], Sitting | None] = lambda _: None,
    ) -> None:
        self.sandbox, self.fingerprints, self.tell, self.sitting = sandbox, Shared(fingerprints), tell, sitting
        self._changed = threading.Condition()
        self._waiting: Job | None = None
        self._present: Job | None = None
        self._closed = False
        self._preparing = threading.Event()  # set, to call off what prepares
        self._threads = [threading.Thread(target=self._work, name="grading", daemon=True)]
        self._threads[0].start()

    @property
    def is_busy(self) -> bool:
        return self._present is not None or self._waiting is not None

    def grade(self, exercise: Exercise, bench: bool = False) -> None:
        """Grade the file as it is now; whatever runs is called off."""
        with self._changed:
            if self._present is not None:
                self._present.cancelled.set()
            self._waiting = Job(exercise, bench)
            self._changed.notify()

    def prepare(self, exercise: Exercise) -> None:
        """Get to know the mistakes of an exercise ahead of the first answer that fails."""
        self._preparing.set()
        self._preparing = threading.Event()
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        preparing = threading.Thread(target=self._prepare, args=(exercise, self._preparing), name="preparing", daemon=True)
        self._threads.append(preparing)
        preparing.start()

    def close(self) -> None:
        """Call off everything, and wait until it has ended."""
        with self._changed:
            self._closed = True
            if self._present is not None:
                self._present.cancelled.set()
            self._changed.notify()
        self._preparing.set()
        for thread in self._threads:
            thread.join()

    def _prepare(self, exercise: Exercise, cancelled: threading.Event) -> None:
        try:
            self.fingerprints.of(exercise, self.sandbox.until(cancelled))
        except Exception:  # it was called off, or the grading that needs it will fail and say why
            return

    def _work(self) -> None:
        while True:
            with self._changed:
                self._present = None
                self._changed.wait_for(lambda: self._closed or self._waiting is not None)
                if self._closed or self._waiting is None:
                    return
                job, self._waiting = self._waiting, None
                self._present = job
            try:
                self._grade(job)
            except Cancelled:
                continue
            except Exception as why:  # a fault of ours ends this grading, not the watch
                self.tell(Noted(job.exercise, f"the grader itself failed: {type(why).__name__}: {why}"))

    def _grade(self, job: Job) -> None:
        exercise = job.exercise
        try:
            candidate = Candidate(exercise, "yours", str(exercise.stub), read_source(exercise.stub))
        except NoSubmission as why:
            self.tell(Idle(exercise, str(why)))
            return
        if not candidate.source.strip():  # most likely the middle of a save: some editors empty a file before they write it
            self.tell(Idle(exercise, "the file is empty"))
            return
        if is_untouched(exercise, candidate.source):
            self.tell(Idle(exercise, "not started: this is the stub"))
            return
        self.tell(Began(exercise))
        sandbox = self.sandbox.until(job.cancelled)

        def heard(result: PropertyResult) -> None:
            if not job.cancelled.is_set():
                self.tell(Heard(exercise, result))

        def warn(message: str) -> None:
            self.tell(Noted(exercise, message))

        sitting = self.sitting(exercise)
        verdict = recorded(sandbox, candidate, heard, warn, self.fingerprints, sitting=sitting)
        if job.bench and verdict.outcome == "passed":
            verdict = self._timed(sandbox, candidate, verdict, warn)
        if not job.cancelled.is_set():
            self.tell(Done(exercise, verdict))

    def _timed(self, sandbox: Sandbox, candidate: Candidate, verdict: Verdict, warn: Callable[[str], None]) -> Verdict:
        try:
            return verdict.but(benchmark=timed(sandbox, candidate, warn).timings)
        except NotTimed as why:
            warn(f"not timed: {why}")
            return verdict


def saves(exercises: list[Exercise], stop: threading.Event) -> Iterator[Exercise]:
    """The exercises whose files are saved from now on, one at a time as it happens, until `stop` is set.

    The system's own news come at once; a look every fifth of a second finds what it leaves out: a save before the watch
    stood, or on a drive that tells nothing.
    """
    return _changes({exercise: _state(exercise) for exercise in exercises}, stop)


def _changes(states: dict[Exercise, tuple[int, ...]], stop: threading.Event) -> Iterator[Exercise]:
    from watchfiles import watch

    folders = {exercise.stub.parent for exercise in states}
    for _ in watch(
        *folders, watch_filter=None, debounce=10 * STEP, step=STEP, rust_timeout=LOOK, yield_on_timeout=True, stop_event=stop,
        recursive=False, raise_interrupt=False,
    ):  # fmt: skip
        for exercise, before in states.items():
            states[exercise] = _state(exercise)
            if states[exercise] != before:
                yield exercise


def _state(exercise: Exercise) -> tuple[int, ...]:
    """Other after every save; empty where there is no file."""
    try:
        found = exercise.stub.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
