"""The worker's cell: what a process does to itself before it reads a line of the submission.

Linux only; elsewhere, and where the kernel refuses, each piece is left out on its own and the caller is told what held.
Needs no torch. Sources: man pages namespaces(7), pivot_root(2), capabilities(7), getrlimit(2), prctl(2), landlock(7).
"""

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MB = 1 << 20
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")

# <sched.h>, <sys/mount.h>, <sys/prctl.h>
NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 36, 38

# <linux/landlock.h>, and the numbers of its calls, which are the same on every architecture
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_VERSION, LANDLOCK_PATH_BENEATH = 1, 1
FENCE_EXECUTE, FENCE_LIST, FENCE_READ, FENCE_WRITE = 1 << 0, 1 << 3, (1 << 2) | (1 << 3), (1 << 1) | (1 << 14)
FENCE_OF_FILES = 0b111 | (1 << 14) | (1 << 15)  # the others are of folders
FENCE_FILES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version: how many rights over files it knows
FENCE_TCP, FENCE_SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Cell:
    """What a worker may see and use."""

    visible: tuple[str, ...]  # paths that stay readable, beside the interpreter and its packages
    hidden: tuple[str, ...]  # paths that must not be readable in any case
    cpu_seconds: int
    data_bytes: int | None = 2048 * MB
    address_bytes: int | None = 6144 * MB
    processes: int = 64
    is_timed: bool = False  # no CPU limit: under one, Linux advances the process's clock by whole ticks only
    namespaces: bool = True  # False: as if the system had none


def call(name: str, *arguments: int | bytes | None) -> int:
    """A libc function that returns -1 and sets errno when it fails. Raises OSError."""
    result = int(getattr(_libc, name)(*arguments))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def die_with_parent() -> None:
    if sys.platform == "linux":
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """A grandchild whose parent died becomes our child, so that nothing slips away by forking twice."""
    if sys.platform == "linux":
        call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def unshare(cell: Cell) -> bool:
    """New namespaces for this process's mounts, network and ipc, and for its children's pids. Whether they were granted."""
    if not cell.namespaces or sys.platform != "linux":
        return False
    kinds = NEWNS | NEWPID | NEWNET | NEWIPC
    uid, gid = os.getuid(), os.getgid()
    try:
        call("unshare", kinds if uid == 0 else kinds | NEWUSER)
        if uid != 0:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    except OSError:
        return False
    return True


def narrow_view(cell: Cell) -> None:
    """Replace the root by a read-only one that holds the interpreter, its packages, `cell.visible` and a small /tmp.

    Twice pivot_root: first into an empty file system that keeps the old root at hand, then, when all that stays visible is
    bound, into that. Raises OSError.
    """
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,nr_inodes=4096,mode=755")
    os.chdir("/tmp")
    for name in ("new", "old"):
        os.mkdir(name, 0o755)
    _mount("new", "new", None, MS_BIND)
    call("pivot_root", b".", b"old")
    os.chdir("/")
    for name, size in (("/tmp", 64), ("/dev/shm", 16)):
        os.makedirs("/new" + name, exist_ok=True)
        _mount("tmpfs", "/new" + name, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size}m,nr_inodes=4096,mode=1777")
    for path in _readable(cell, "/old"):
        _bind(path)
    for device in DEVICES:
        _bind(device, MS_NOSUID)
    for path in cell.hidden:
        if os.path.isdir("/new" + path):  # it lies below something that is visible: cover it
            _mount("tmpfs", "/new" + path, "tmpfs", MS_RDONLY, "size=4k,mode=000")
    os.chdir("/new")
    call("pivot_root", b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir("/tmp")
    _mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def _readable(cell: Cell, root: str) -> Iterator[str]:
    """Paths that exist below `root`, none below another, so that each is bound once."""
    system = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime"]
    packages = [path for path in sys.path if path.endswith("-packages")]
    wanted = {os.path.abspath(path) for path in [*system, sys.base_prefix, sys.prefix, *packages, *cell.visible]}
    kept: list[str] = []
    for path in sorted(wanted):
        if os.path.lexists(root + path) and not any(path.startswith(parent + "/") for parent in kept):
            kept.append(path)
    return iter(kept)


def _bind(path: str, flags: int = MS_RDONLY | MS_NOSUID | MS_NODEV) -> None:
    source, target = "/old" + path, "/new" + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(source):  # /lib -> usr/lib
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        Path(target).touch()
    _mount(source, target, None, MS_BIND | MS_REC)
    held = os.statvfs(target).f_flag & ~1  # flags that the mount came with may not be taken away
    _mount(None, target, None, MS_REMOUNT | MS_BIND | flags | held)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encode = lambda text: None if text is None else text.encode()
    call("mount", encode(source), target.encode(), encode(kind), ctypes.c_ulong(flags), encode(options))  # type: ignore[arg-type]


def close_all_but(*kept: int) -> None:
    """Close every descriptor but `kept` and 0, 1, 2."""
    low = 3
    for descriptor in sorted(d for d in kept if d > 2):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def limit(cell: Cell, processes_already: int = 0) -> None:
    """`processes_already`: those that count against the limit although they are not the worker's."""
    limits = {
        resource.RLIMIT_DATA: cell.data_bytes,
        resource.RLIMIT_AS: cell.address_bytes,
        resource.RLIMIT_CPU: None if cell.is_timed else cell.cpu_seconds,
        resource.RLIMIT_FSIZE: 64 * MB,
        resource.RLIMIT_NOFILE: 128,
        resource.RLIMIT_NPROC: cell.processes + processes_already,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        if most is None:
            continue
        hard = resource.getrlimit(kind)[1]
        later = 5 if kind == resource.RLIMIT_CPU else 0  # SIGXCPU says what happened; SIGKILL follows where that is ignored
        within = lambda bound, hard=hard: bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (within(most), within(most + later)))


def become_nobody(alone: int, readable: list[str]) -> bool:
    """Take the user id `alone`, since no process limit binds root. False where that user could not read our files."""
    if os.getuid() != 0:
        return True
    if not all(_everyone_may_read(path) for path in readable):
        return False
    os.setgroups([])
    os.setresgid(alone, alone, alone)
    os.setresuid(alone, alone, alone)
    return True


def _everyone_may_read(path: str) -> bool:
    parts = [path, *(str(parent) for parent in Path(path).parents)]
    return all(os.stat(part).st_mode & (0o005 if os.path.isdir(part) else 0o004) for part in parts)


def give_up_privileges() -> None:
    """No capabilities, now or through any program that is started later; no debugger may attach."""
    if sys.platform != "linux":
        return
    for capability in range(64):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # refused without privileges, where it is not needed either
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()  # version 3, this process; three empty sets
    call("capset", ctypes.byref(header), ctypes.byref(none))  # type: ignore[arg-type]
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def fence(cell: Cell, *writable: str) -> bool:
    """Read only what a narrow view holds, list any folder, write only below `writable`; start, reach and signal nobody else.

    Whether the kernel offers it (Landlock, since Linux 5.13; TCP since 6.7, signals since 6.12). It needs no privileges and no
    namespaces; with them it adds that no program can be started, beside which nothing would watch what a submission calls.
    """
    if sys.platform != "linux":
        return False
    version = int(_libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION))
    if version < 1:
        return False
    every = (1 << FENCE_FILES.get(version, 16)) - 1
    handled = struct.pack("=QQQ", every, FENCE_TCP, FENCE_SCOPES)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = call("syscall", LANDLOCK_CREATE_RULESET, handled, len(handled), 0)
    allowed = {"/": FENCE_LIST}
    allowed |= {path: FENCE_READ for path in _readable(cell, "")} | {path: FENCE_READ | FENCE_WRITE for path in DEVICES}
    allowed |= {path: every & ~FENCE_EXECUTE for path in writable}
    for path, rights in allowed.items():
        _allow(ruleset, path, rights & every)
    call("syscall", LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return True


def _allow(ruleset: int, path: str, rights: int) -> None:
    beneath = os.open(path, os.O_PATH)
    if not os.path.isdir(path):
        rights &= FENCE_OF_FILES
    call("syscall", LANDLOCK_ADD_RULE, ruleset, LANDLOCK_PATH_BENEATH, struct.pack("=Qi", rights, beneath), 0)
    os.close(beneath)


# What Python announces before it does it: see the table of audit events in its manual.
REFUSED = ("socket.", "ctypes.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.kill", "signal.pthread_kill")
READS = ("open", "os.listdir", "os.scandir", "sqlite3.connect")
WRITES = (
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown",
    "os.utime", "os.setxattr", "os.removexattr", "shutil.rmtree", "sqlite3.connect",
)  # fmt: skip


def deny_by_audit(hidden: Sequence[str], tmp: str) -> None:
    """Where there are no namespaces: an audit hook that refuses what they would have kept out of reach.

    It sees Python's own calls only; native code reached in another way passes it, as the README says.
    """
    own, writable = f"/proc/{os.getpid()}", (os.path.realpath(tmp) + "/", "/dev/null")
    inside = lambda path, folder: path == folder or path.startswith(folder + "/")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(REFUSED):
            raise PermissionError(1, f"not in a grading: {event}")
        if event not in READS and event not in WRITES:
            return
        writes = event in WRITES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE)
        for argument in arguments[1 if event == "os.symlink" else 0 : 2]:
            if not isinstance(argument, str | bytes | os.PathLike):
                continue
            path = os.path.realpath(os.fsdecode(argument))
            if any(inside(path, folder) for folder in hidden) or (inside(path, "/proc") and not inside(path, own)):
                raise FileNotFoundError(2, "No such file or directory", path)
            if writes and not path.startswith(writable):
                raise PermissionError(13, "not in a grading: writing", path)
            if event == "open":  # the other arguments are a mode and flags
                return

    sys.addaudithook(hook)
