# expects: timeout
# Processes that make processes, all of them busy (only below one of the first of a pid namespace).
import contextlib
import os

CONFINED = os.getpid() < 10


def attention(q, k, v, mask=None, is_causal=False):
    while CONFINED:
        with contextlib.suppress(OSError):
            os.fork()
