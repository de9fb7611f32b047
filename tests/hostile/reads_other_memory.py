# expects: failed
# Reads the memory of its parent and of all other processes, where the answer may lie.
import contextlib
import glob
import os

for process in (str(os.getppid()), *(name.split("/")[2] for name in glob.glob("/proc/[0-9]*"))):
    with contextlib.suppress(OSError):
        if process != str(os.getpid()):
            with open(f"/proc/{process}/mem", "rb") as memory, open(f"/proc/{process}/maps") as maps:
                memory.seek(int(maps.readline().split("-")[0], 16))
                memory.read(16)
                print("STOLEN")


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
