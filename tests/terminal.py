"""A program in a pseudo-terminal, and the screen that a person would see."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType

import pyte

PATIENCE = 120.0  # seconds; the machine may be busy


def heed_interrupts() -> None:
    """In a child, before it runs: a shell that starts the tests in the background lets all below it ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """80 columns and 24 rows unless told otherwise. Use as a context manager: what still runs at its end is killed."""

    def __init__(self, command: list[str], folder: Path, columns: int = 80, rows: int = 24, **environment: str) -> None:
        self.screen_ = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen_)
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        defaults = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": str(folder)}
        self.began = time.monotonic()
        self.recording: list[tuple[float, bytes]] = []
        self.neighbours: list[Terminal] = []  # read meanwhile: who is not read, stands still
        self.process = subprocess.Popen(
            command, cwd=folder, env=kept | defaults | environment, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(theirs)
        self.ours = ours

    @property
    def screen(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen_.display)

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def wait_for(self, words: str) -> None:
        """Until the screen says so, wherever lines break. Raises AssertionError with the screen."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.screen and "".join(words.split()) not in "".join(self.screen.split()):
            more = self._read() and time.monotonic() < deadline
            assert more, f"{words!r} is not on the screen:\n{self.screen}"

    def settle(self, seconds: float = 0.5) -> None:
        """Until it has been silent for so long: a screen is drawn in pieces."""
        while select.select([self.ours], [], [], seconds)[0] and self._read():
            continue

    def ended(self) -> int:
        """Its exit code, once all that it said is read."""
        while self._read():
            continue
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        """Whether more may come."""
        for other in self.neighbours:
            while other.process.poll() is None and select.select([other.ours], [], [], 0)[0]:
                other._take()
        if not select.select([self.ours], [], [], 0.2)[0]:
            return self.process.poll() is None
        return self._take()

    def _take(self) -> bool:
        try:
            data = os.read(self.ours, 1 << 16)
        except OSError:  # the other end is closed
            return False
        self.recording.append((time.monotonic() - self.began, data))
        self.stream.feed(data)
        return bool(data)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.ours)
