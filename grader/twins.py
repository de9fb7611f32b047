"""The two warm processes that fork workers, as the supervisor sees them: started together, asked one by one. Knows no torch."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import psutil

from grader.catalogue import ROOT
from grader.wire import Message

SINGLE_THREADED = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")}
SETTINGS = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "HYPOTHESIS_STORAGE_DIRECTORY": os.devnull,
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # a fork copies the page table, which huge pages make small
}


class GraderError(Exception):
    """Our own fault: a zygote that does not start, a trusted worker that breaks."""


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
            env=kept | SINGLE_THREADED | SETTINGS,
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
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:  # it died with our request unread
            data = b""
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
