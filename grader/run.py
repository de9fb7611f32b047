"""One worker, as the supervisor sees it: what it says, what it uses, and its end.

One deadline per stage of a worker, in CPU seconds; wall time only as a loose backstop.
"""

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil

from grader.twins import Zygote
from grader.wire import Frames, Message, ProtocolError, frame

MB = 1 << 20
OUTPUT_KEPT = 64 << 10
RESIDENT_LIMIT = 3072 * MB
TICK = 0.1  # seconds to wait for a word
LOOK = 0.25  # seconds between two looks at what a worker uses; a look costs milliseconds


class Stopped(Exception):
    """A worker that did not end as it should. `outcome` is one of crashed, timeout, memory, tampered."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(eq=False)
class Run:
    """One worker, as the supervisor sees it."""

    zygote: Zygote
    warden: int
    events: int
    output: int
    status: int
    inbox: int
    isolation: str
    tmp: str
    cpu_limit: int
    resident_limit: int = RESIDENT_LIMIT  # bytes of it and all that it starts, beside what it shares with the zygote
    frames: Frames = field(default_factory=Frames)
    ending: Frames = field(default_factory=Frames)
    open: set[int] = field(default_factory=set)
    printed: bytearray = field(default_factory=bytearray)
    dropped: int = 0
    exit: int | None = None
    cpu_used: float = 0.0
    is_done: bool = False
    stopped: Stopped | None = None
    budget: float = 10.0  # CPU seconds of the present stage
    since: float = field(default_factory=time.monotonic)
    cpu_before: float | None = None
    looked: float = 0.0
    cancelled: threading.Event = field(default_factory=threading.Event)
    unsaid: bytearray = field(default_factory=bytearray)  # what the worker has not taken yet

    def __post_init__(self) -> None:
        self.open = {self.events, self.output, self.status}
        os.set_blocking(self.inbox, False)

    def allow(self, cpu_seconds: float) -> None:
        """A new stage begins."""
        self.budget, self.since, self.cpu_before = cpu_seconds, time.monotonic(), None

    def say(self, message: Message, body: bytes = b"") -> None:
        """To a worker that has been locked in: at once, or while `listen` waits for an answer."""
        self.unsaid += frame(message, body)
        self.write()

    def write(self) -> None:
        """As much of what is unsaid as the worker takes now."""
        try:
            while self.unsaid:
                del self.unsaid[: os.write(self.inbox, self.unsaid)]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it is gone; its status says how
            self.unsaid.clear()

    def read(self, descriptor: int) -> Iterator[tuple[Message, bytes]]:
        """What has arrived. Raises Stopped where it is no message."""
        data = os.read(descriptor, 1 << 16)
        if not data:
            self.open.discard(descriptor)
            os.close(descriptor)
        elif descriptor == self.output:
            kept = data[: max(0, OUTPUT_KEPT - len(self.printed))]
            self.printed += kept
            self.dropped += len(data) - len(kept)
        elif descriptor == self.status:
            for message, _ in self.ending.feed(data):
                self.exit, self.cpu_used = int(message["exit"]), float(message["cpu"])
        else:
            try:
                for message, body in self.frames.feed(data):
                    self.is_done = self.is_done or message.get("event") in ("done", "forbidden", "memory", "broken")
                    yield message, body
            except ProtocolError as why:
                raise Stopped("tampered", str(why)) from None

    def stop(self, why: Stopped) -> None:
        """Hear no more of this worker."""
        self.stopped = self.stopped or why
        self.kill()

    def look(self) -> None:
        """Raises Stopped where the worker has used up its stage."""
        now = time.monotonic()
        waited = now - self.since
        if waited < TICK or now - self.looked < LOOK:
            return
        self.looked = now
        cpu = resident = 0.0
        with contextlib.suppress(psutil.Error):  # it has just ended; its status will say how
            shared = self.zygote.resident()
            for process in psutil.Process(self.warden).children(recursive=True):
                with contextlib.suppress(psutil.Error):  # one that comes and goes hides no other
                    times, held = process.cpu_times(), process.memory_info().rss
                    cpu += times.user + times.system
                    resident += max(0, held - shared)
        if self.cpu_before is None or cpu < self.cpu_before:
            self.cpu_before = cpu
        if resident > self.resident_limit:
            raise Stopped("memory", f"more than {self.resident_limit // MB} MB of memory")
        if cpu - self.cpu_before > self.budget:
            raise Stopped("timeout", f"no answer after {self.budget:.0f} s of CPU time")
        if waited > 10 + 3 * self.budget:
            raise Stopped("timeout", f"no answer after {waited:.0f} s")

    def kill(self) -> None:
        """The worker and all that it started."""
        try:
            family = psutil.Process(self.warden).children(recursive=True)
        except psutil.Error:
            family = []
        for pid in [self.warden, *(process.pid for process in family)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def close(self) -> None:
        for descriptor in [*self.open, self.inbox]:
            os.close(descriptor)
        self.open.clear()
        self.zygote.wardens.discard(self.warden)
        with contextlib.suppress(RecursionError):  # folders nested without an end
            shutil.rmtree(self.tmp, onerror=_remove_all_the_same)


def _remove_all_the_same(remove: Callable[[str], None], path: str, _: object) -> None:
    """A submission may have forbidden us its folders."""
    with contextlib.suppress(OSError):
        for folder in (os.path.dirname(path), path):
            if os.path.isdir(folder) and not os.path.islink(folder):
                os.chmod(folder, 0o700)
        remove(path) if remove in (os.unlink, os.rmdir) else shutil.rmtree(path, ignore_errors=True)
