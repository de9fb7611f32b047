# expects: crashed
# A real-time signal, for which the library of signals has no name.
import signal


def attention(q, k, v, mask=None, is_causal=False):
    signal.raise_signal(40)
    while True:
        pass
