# expects: crashed
# without namespaces: failed
# SIGKILL by its own hand is no limit of ours.
import os
import signal


def attention(q, k, v, mask=None, is_causal=False):
    os.kill(os.getpid(), signal.SIGKILL)
