"""Hears several workers at once, tells them what they wait for, and leaves nothing of them behind."""

import contextlib
import os
import selectors
import signal
from collections.abc import Generator

import psutil

from grader.run import TICK, Run, Stopped
from grader.twins import Zygote
from grader.wire import Message

ENDED: Message = {"event": "ended"}  # by identity: a worker can say the same, but not send this object


Said = Generator[tuple[Run, Message, bytes], None, None]


class Cancelled(Exception):
    """Somebody called it off; see `Sandbox.until`."""


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
                # It is gone, and all that it said, or all that counts of it, is heard.
                if run.status not in run.open and (run.stopped or (run, run.events) not in ready):
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
        named = -exit in set(signal.Signals)  # most real-time signals have no name
        return Stopped("crashed", f"the process died of {signal.Signals(-exit).name if named else f'signal {-exit}'}")
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
