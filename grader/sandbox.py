"""The supervisor's side of the workers: starts the zygotes and asks them for workers. Knows no torch."""

import copy
import os
import sys
import tempfile
import threading
from dataclasses import asdict

from grader.cell import Cell, adopt_orphans
from grader.listen import ENDED, listen
from grader.run import Run
from grader.twins import GraderError, Zygote
from grader.wire import Message


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
        ours = (events[0], output[0], status[0], inbox[1])
        try:
            warden = zygote.fork(request, theirs)
        except GraderError:
            for descriptor in ours:
                os.close(descriptor)
            os.rmdir(tmp)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        _write_body(inbox[1], body)
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
