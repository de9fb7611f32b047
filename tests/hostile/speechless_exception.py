# expects: failed
# An exception that raises when it is asked what it says.
class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no comment")

    __repr__ = __str__


def attention(q, k, v, mask=None, is_causal=False):
    raise Speechless
