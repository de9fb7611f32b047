# expects: crashed
# Leaves in the middle of a property, with the exit code of success.
import os


def attention(q, k, v, mask=None, is_causal=False):
    os._exit(0)
