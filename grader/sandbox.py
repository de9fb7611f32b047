"""The supervisor's side of the workers: starts the zygotes, asks them for workers, listens, and stops what runs away.

Knows no torch. One deadline per stage of a worker, in CPU seconds; wall time only as a loose backstop.
"""

import contextlib
import copy
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field

import psutil

from grader.catalogue import ROOT
from grader.cell import Cell, adopt_orphans
from grader.wire import Frames, Message, ProtocolError, frame

MB = 1 << 20
OUTPUT_KEPT = 64 << 10
RESIDENT_LIMIT = 3072 * MB
TICK = 0.1  # seconds to wait for a word
LOOK = 0.25  # seconds between two looks at what a worker uses; a look costs milliseconds
SINGLE_THREADED = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")}


class GraderError(Exception):
    """Our own fault: a zygote that does not start, a trusted worker that breaks."""


class Cancelled(Exception):
    """Somebody called it off; see `Sandbox.until`."""


class Stopped(Exception):
    """A worker that did not end as it should. `outcome` is one of crashed, timeout, memory, tampered."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass
class Zygote:
    """A warm process, and the socket through which it is asked for workers."""

    ancestor: subprocess.Popen[bytes]  # of it and its twin
    socket: socket.socket
    pid: int = 0  # this and the next are unknown until it is ready
    namespaces: bool = False
    wardens: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)  # of the socket, and of `wardens` as it should be

    @classmethod
    def twins(cls, thoroughly: bool) -> dict[bool, "Zygote"]:
        """One for trusted workers, one for the others."""
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        theirs = [pair[1].fileno() for pair in pairs]
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH", "HOME") if name in os.environ}
        ancestor = subprocess.Popen(
            [sys.executable, "-u", "-m", "grader.zygote", *map(str, theirs), *["thoroughly"] * thoroughly],
            cwd=ROOT, pass_fds=theirs, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env=kept | SINGLE_THREADED | {"PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": os.devnull},
        )  # fmt: skip
        for _, their in pairs:
            their.close()
        return {trusted: cls(ancestor, ours) for trusted, (ours, _) in zip((True, False), pairs, strict=True)}

    def wait(self) -> None:
        """Until it is warm. Raises GraderError."""
        with self.lock:
            if not self.pid:
                ready = self._reply()
                self.pid, self.namespaces = int(ready["pid"]), bool(ready["namespaces"])

    def fork(self, request: Message, descriptors: list[int]) -> int:
        """The pid of a new warden. Raises GraderError where the zygote is gone."""
        self.wait()
        with self.lock:
            try:
                socket.send_fds(self.socket, [json.dumps(request).encode()], descriptors)
            except OSError as why:
                raise GraderError(f"a worker could not be started: {why}") from why
            pid = int(self._reply()["pid"])
            self.wardens.add(pid)
            return pid

    def resident(self) -> int:
        """The bytes that every worker shares with it from the start."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def _reply(self) -> Message:
        data = self.socket.recv(1 << 16)
        if not data:
            raise GraderError("the process that starts workers is gone")
        return dict(json.loads(data))

    @property
    def is_alive(self) -> bool:
        return self.ancestor.poll() is None and (not self.pid or psutil.pid_exists(self.pid))

    def close(self) -> None:
        """At once: it has nothing to lose, may be in the middle of an import, and would take its time to end in order."""
        self.socket.close()
        self.ancestor.kill()
        self.ancestor.wait()
        if self.pid:  # orphans become our children
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)


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
        try:
            shared = self.zygote.resident()
            processes = psutil.Process(self.warden).children(recursive=True)
            cpu = resident = 0.0
            for process in processes:
                times = process.cpu_times()
                cpu += times.user + times.system
                resident += max(0, process.memory_info().rss - shared)
        except psutil.Error:  # it has just ended; its status will say how
            return
        if self.cpu_before is None or cpu < self.cpu_before:
            self.cpu_before = cpu
        if resident > RESIDENT_LIMIT:
            raise Stopped("memory", f"more than {RESIDENT_LIMIT // MB} MB of memory")
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
        shutil.rmtree(self.tmp, onerror=_remove_all_the_same)


def _remove_all_the_same(remove: Callable[[str], None], path: str, _: object) -> None:
    """A submission may have forbidden us its folders."""
    with contextlib.suppress(OSError):
        for folder in (os.path.dirname(path), path):
            if os.path.isdir(folder) and not os.path.islink(folder):
                os.chmod(folder, 0o700)
        remove(path) if remove is not os.scandir else shutil.rmtree(path)


class Sandbox:
    """The two zygotes, started when first needed. Use as a context manager; share it between gradings."""

    def __init__(self, namespaces: bool = True, hidden: tuple[str, ...] = (), thoroughly: bool = False) -> None:
        self.namespaces = namespaces  # False: as if the system had none
        self.hidden = hidden  # what no submission may read, beside what its cell hides
        self.thoroughly = thoroughly  # warm up at once for all that any grading needs: worth it where many are to come
        self.cancelled = threading.Event()  # never, unless it comes from `until`
        self._zygotes: dict[bool, Zygote] = {}
        self._starting = threading.Lock()
        adopt_orphans()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for zygote in self._zygotes.values():
            zygote.close()
        self._zygotes.clear()

    def until(self, cancelled: threading.Event) -> "Sandbox":
        """The same zygotes; but once `cancelled` is set, its workers are killed, and whoever listens to them gets Cancelled."""
        other = copy.copy(self)
        other.cancelled = cancelled
        return other

    def warm(self) -> None:
        """Start the zygotes, without waiting for them."""
        self._zygote(trusted=True)

    def isolation(self) -> str:
        """What confines a submission here: namespaces, limits or none."""
        zygote = self._zygote(trusted=False)
        zygote.wait()
        if sys.platform != "linux":
            return "none"
        return "namespaces" if self.namespaces and zygote.namespaces else "limits"

    def start(self, request: Message, body: bytes = b"", cell: Cell | None = None, cpu_seconds: int = 120) -> Run:
        """A worker for a job. With a cell it is confined, and knows no solution; without, it is trusted."""
        zygote = self._zygote(cell is None)
        isolation = "none" if cell is None else self.isolation()
        if cell is not None and not cell.namespaces:
            isolation = "limits"
        apart = isolation == "namespaces"
        tmp = tempfile.mkdtemp(prefix="grader-")
        request = request | {"cell": None, "cpu_seconds": cpu_seconds, "tmp": tmp}
        if cell is not None:
            hidden = cell.hidden + self.hidden
            request["cell"] = asdict(cell) | {"namespaces": apart, "cpu_seconds": cpu_seconds, "hidden": hidden}
        if apart:
            request["tmp"] = "/tmp"
        events, output, status, inbox = os.pipe(), os.pipe(), os.pipe(), os.pipe()
        theirs = [events[1], output[1], status[1], inbox[0]]
        try:
            warden = zygote.fork(request, theirs)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        _write_body(inbox[1], body)
        ours = (events[0], output[0], status[0], inbox[1])
        return Run(zygote, warden, *ours, isolation, tmp, cpu_seconds, cancelled=self.cancelled)

    def ask(self, job: str, exercise: str, **details: object) -> list[Message]:
        """All that a trusted worker has to say. Raises GraderError where it breaks."""
        run = self.start({"job": job, "exercise": exercise, **details}, cpu_seconds=240)
        run.allow(run.cpu_limit)
        messages = [message for _, message, _ in listen([run]) if message is not ENDED]
        if run.stopped or messages[-1]["event"] != "done":
            raise GraderError(str(run.stopped or messages[-1]["message"]))
        return messages

    def _zygote(self, trusted: bool) -> Zygote:
        with self._starting:
            if not all(zygote.is_alive for zygote in self._zygotes.values()):
                self.close()
            if not self._zygotes:
                self._zygotes.update(Zygote.twins(self.thoroughly))
            return self._zygotes[trusted]


def _write_body(inbox: int, body: bytes) -> None:
    waiting = memoryview(len(body).to_bytes(4, "big") + body)
    try:
        while waiting:
            waiting = waiting[os.write(inbox, waiting) :]
    except BrokenPipeError:
        return  # the worker is gone already; its status says how


ENDED: Message = {"event": "ended"}  # by identity: a worker can say the same, but not send this object


Said = Generator[tuple[Run, Message, bytes], None, None]


def listen(runs: list[Run]) -> Said:
    """What the workers say, as it comes, and ENDED as each is gone; `run.stopped` then holds what went wrong with it.

    Closing the generator early kills the workers. Raises Cancelled.
    """
    waiting = list(runs)
    try:
        while waiting:
            ready = _ready(waiting)
            if any(run.cancelled.is_set() for run in waiting):
                raise Cancelled
            for run, descriptor in ready:
                try:
                    for message, body in run.read(descriptor):
                        if run.stopped is None:
                            yield run, message, body
                except Stopped as why:
                    run.stop(why)
            for run in list(waiting):
                if run.status not in run.open and (run, run.events) not in ready:  # it is gone, and all that it said is heard
                    _finish(run)
                    waiting.remove(run)
                    yield run, ENDED, b""
                    continue
                try:
                    run.look()
                except Stopped as why:
                    run.stop(why)
    finally:
        for run in runs:
            if run.open:
                run.kill()
            run.close()
            if run.isolation == "limits":  # a pid namespace leaves nothing behind
                _sweep(run.zygote)


def _ready(runs: list[Run]) -> list[tuple[Run, int]]:
    """Who can be read from where; whoever has something to be told is told it on the way."""
    ready = []
    with selectors.DefaultSelector() as selector:
        for run in runs:
            for descriptor in run.open:
                selector.register(descriptor, selectors.EVENT_READ, run)
            if run.unsaid:
                selector.register(run.inbox, selectors.EVENT_WRITE, run)
        for key, event in selector.select(TICK):
            if event & selectors.EVENT_WRITE:
                key.data.write()
            else:
                ready.append((key.data, key.fd))
    return ready


def _finish(run: Run) -> None:
    if run.stopped is None and not run.is_done:
        run.stopped = _ending(run)


def _ending(run: Run) -> Stopped:
    """What the end of a worker means that had not said that it was done."""
    exit = run.exit
    if exit == -signal.SIGXCPU or (exit == -signal.SIGKILL and run.cpu_used >= run.cpu_limit):
        return Stopped("timeout", f"no answer after {run.cpu_used:.0f} s of CPU time")
    if exit is not None and exit < 0:
        return Stopped("crashed", f"the process died of {signal.Signals(-exit).name}")
    return Stopped("crashed", "the process is gone" if exit is None else f"the process exited with {exit}")


def _sweep(zygote: Zygote) -> None:
    """Without a pid namespace, what outlives its warden becomes a child of the zygote; what outlives that, ours.

    Every worker has left our session, and so has all that it started.
    """
    with zygote.lock:
        while left := [*_astray(zygote.pid, zygote.wardens), *_astray(os.getpid(), set())]:
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=1)


def _astray(parent: int, wardens: set[int]) -> list[psutil.Process]:
    found = []
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        for child in psutil.Process(parent).children():
            if child.pid not in wardens and child.status() != psutil.STATUS_ZOMBIE and os.getsid(child.pid) != os.getsid(0):
                found.append(child)
    return found
