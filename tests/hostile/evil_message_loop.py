# expects: timeout
# Raises an exception whose message takes forever.
class Endless(Exception):
    def __str__(self):
        while True:
            pass


def attention(q, k, v, mask=None, is_causal=False):
    raise Endless
