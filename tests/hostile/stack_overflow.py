# expects: crashed
# Recursion through C with the interpreter's own limit taken away: the stack ends before the memory does.
import sys

sys.setrecursionlimit(10**9)


class Endless:
    def __getattr__(self, name):
        return getattr(self, name + "x"[:0])


def attention(q, k, v, mask=None, is_causal=False):
    return Endless().anything
