# expects: failed
# An answer that would run a program, were it ever unpickled.
import os


class Bomb:
    def __reduce__(self):
        return os.system, ("touch /tmp/whiteboard-was-bombed",)


def attention(q, k, v, mask=None, is_causal=False):
    return Bomb()
