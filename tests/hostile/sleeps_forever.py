# expects: timeout
# Uses no CPU time at all, so only the clock on the wall can stop it.
import time


def attention(q, k, v, mask=None, is_causal=False):
    time.sleep(10**9)
