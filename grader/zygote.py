"""Two warm processes that fork workers: they have imported torch, hypothesis and pytest, and know no submission.

`python -m grader.zygote TRUSTED OTHER [thoroughly]`, two Unix sockets by their descriptors. It warms up once and parts in
two: one zygote for trusted workers, one for those that hold submissions, neither of which knows what the other has heard. A
request is one packet: a JSON object and four descriptors (events, output, status, inbox); the body of the request comes
through the inbox. The answer is the pid of the warden.

    zygote ── warden (new session, adopts orphans) ── init (pid 1 of the namespace) ── worker

The warden waits and reports how the worker ended; when it dies, so do the others. Single-threaded before any fork: a child
that uses OpenMP after its parent did hangs.
"""

import gc
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time

import jaxtyping  # noqa: F401  (submissions import it; once is enough)
import psutil
import torch
from hypothesis import given, settings

from grader import cell, kit
from grader.cell import Cell
from grader.wire import Message, frame
from grader.worker import Reporter, delivered, work

IDLE, RESTING = 0.2, 1.0  # seconds without a request: without the first one, and after one, while its worker may need the core


def part(trusted: socket.socket, other: socket.socket, thoroughly: bool) -> None:
    """Warm up, and become two."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # wardens are not waited for
    warm_up()
    if thoroughly:
        warm_up_thoroughly()
    gc.collect()
    gc.freeze()
    able = _namespaces_work()
    if os.fork():
        other.close()
        serve(trusted, able, thoroughly)
    else:
        cell.die_with_parent()
        trusted.close()
        serve(other, able, thoroughly)


def serve(server: socket.socket, able: bool, is_thorough: bool) -> None:
    """Fork a worker for every request, until the supervisor is gone. `able`: namespaces work here."""
    cell.adopt_orphans()
    server.sendall(json.dumps({"pid": os.getpid(), "namespaces": able}).encode())
    patience = IDLE
    while True:
        if not is_thorough and not select.select([server], [], [], patience)[0]:
            warm_up_thoroughly()
            gc.collect()
            gc.freeze()
            is_thorough = True
        try:
            packet, descriptors, _, _ = socket.recv_fds(server, 1 << 20, 4)
        except ConnectionResetError:
            return
        if not packet:
            return
        patience = RESTING
        pid = os.fork()
        if pid == 0:
            try:
                server.close()
                _ward(json.loads(packet), *descriptors)
            finally:
                os._exit(70)
        for descriptor in descriptors:
            os.close(descriptor)
        server.sendall(json.dumps({"pid": pid}).encode())


def warm_up() -> None:
    """A tiny grading, so that no worker is the first to import or to set up anything."""

    @settings(max_examples=3)
    @given(kit.tensors("n d"), kit.seeds)
    def holds(x: kit.Tensor, seed: int) -> None:
        x.requires_grad_()
        kit.agrees(kit.gradients((x @ x.T).softmax(-1).sum(0), x)[0].shape == x.shape, True)
        kit.agrees(x.detach(), x.detach().clone())

    @settings(max_examples=3)
    @given(kit.tensors("n"))
    def breaks(x: kit.Tensor) -> None:
        kit.agrees(x, x + 1)

    holds()
    try:
        breaks()
    except kit.Disagreement:
        return
    raise RuntimeError("a property that is false was not broken")


def warm_up_thoroughly() -> None:
    """What only some gradings need and what takes long to import, once nobody has asked for anything for a while."""
    x = torch.ones(2, requires_grad=True)
    torch.autograd.grad(x * 2, x, torch.ones(2))  # sympy
    torch.optim.SGD([x], lr=0.0)  # the first optimizer imports the compiler, which takes half as long as torch


def _namespaces_work() -> bool:
    """Try a whole cell once, in a process of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    trial = os.fork()
    if trial == 0:
        try:
            whole = Cell(visible=(), hidden=(), cpu_seconds=5)
            if cell.unshare(whole):
                cell.narrow_view(whole)
                os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(trial, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    return status == 0


def _ward(request: Message, events: int, output: int, status: int, inbox: int) -> None:
    """Become the warden: lock a worker in, wait for it, say how it ended, leave nothing behind."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    cell.die_with_parent()
    os.setsid()
    cell.adopt_orphans()
    alone = 1_000_000_000 + os.getpid() % 1_000_000  # a user id for this grading only
    body = _read_body(inbox)
    confinement = Cell(**request["cell"]) if request["cell"] else None
    apart = confinement is not None and cell.unshare(confinement)
    if confinement is not None and confinement.namespaces and not apart:
        os._exit(71)  # namespaces were promised, and are refused now: nothing runs without them
    child = os.fork()
    if child == 0:
        cell.die_with_parent()
        if apart:
            assert confinement is not None
            cell.narrow_view(confinement)
            worker = os.fork()  # this process is pid 1 of its namespace: when it goes, all go
            if worker:
                for descriptor in (events, output, inbox):
                    os.close(descriptor)
                _report_end(status, _wait(worker))
                os._exit(0)
            cell.die_with_parent()
        os.close(status)
        _lock_in(request, confinement, alone if apart else None, events, output, inbox)
        report = Reporter(events)
        report({"event": "locked"})
        work(request, body, report, delivered(inbox))
        os._exit(0)
    for descriptor in (events, output, inbox):
        os.close(descriptor)
    ended = _wait(child)
    if not apart:  # else the namespace has taken all with it, and init has said how the worker ended
        _kill_descendants()
        _report_end(status, ended)
    os._exit(0)


def _read_body(inbox: int) -> bytes:
    """The first frame of the inbox: four bytes of length, then the source."""
    (length,) = struct.unpack(">I", _exactly(inbox, 4))
    return _exactly(inbox, length)


def _exactly(descriptor: int, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = os.read(descriptor, length - len(data))
        if not part:
            raise EOFError("the supervisor is gone")
        data += part
    return bytes(data)


def _lock_in(request: Message, confinement: Cell | None, alone: int | None, events: int, output: int, inbox: int) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    cell.close_all_but(events, inbox)
    if confinement is None:  # trusted code, which may still run away: a mistake, a mutant
        resource.setrlimit(resource.RLIMIT_CPU, (request["cpu_seconds"], request["cpu_seconds"]))
        return
    cell.limit(confinement, 0 if alone else _processes_of_this_user())
    if alone:
        cell.become_nobody(alone, [os.__file__, kit.__file__])
    cell.give_up_privileges()
    cell.die_with_parent()  # a change of user forgets it
    if alone:
        cell.fence(confinement, "/tmp", "/dev/shm")
    else:
        cell.fence(confinement, request["tmp"])
        cell.deny_by_audit(confinement.hidden, request["tmp"])


def _processes_of_this_user() -> int:
    """Threads count too."""
    mine = [process.info for process in psutil.process_iter(["uids", "num_threads"])]
    return sum(info["num_threads"] or 1 for info in mine if info["uids"] and info["uids"].real == os.getuid())


def _wait(child: int) -> int:
    """The exit code of `child`, negative for a signal; reaps whatever else is orphaned meanwhile."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _report_end(status: int, code: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    os.write(status, frame({"exit": code, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024}))


def _kill_descendants() -> None:
    """Without a pid namespace: whatever the worker left running became our child, however often it forked."""
    for _ in range(1000):
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            try:
                process.kill()
            except psutil.Error:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def main() -> None:
    trusted, other = (socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[1:3])
    part(trusted, other, thoroughly="thoroughly" in sys.argv[3:])


if __name__ == "__main__":
    main()
