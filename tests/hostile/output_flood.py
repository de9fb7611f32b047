# expects: timeout
# Writes as fast as it can, forever.
import os


def attention(q, k, v, mask=None, is_causal=False):
    while True:
        os.write(1, b"x" * 65536)
