# expects: crashed
# Dies of SIGABRT.
import os


def attention(q, k, v, mask=None, is_causal=False):
    os.abort()
