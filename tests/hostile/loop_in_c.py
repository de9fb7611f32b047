# expects: timeout
# An infinite loop that never comes back to the interpreter, so that no Python signal handler runs.
import itertools


def attention(q, k, v, mask=None, is_causal=False):
    return sum(itertools.repeat(0))
