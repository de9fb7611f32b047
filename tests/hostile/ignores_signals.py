# expects: timeout
# Ignores every signal that can be ignored, and loops.
import contextlib
import signal

for number in signal.valid_signals():
    with contextlib.suppress(OSError):
        signal.signal(number, signal.SIG_IGN)


def attention(q, k, v, mask=None, is_causal=False):
    while True:
        pass
