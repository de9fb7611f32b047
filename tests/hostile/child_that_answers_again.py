# expects: tampered
# Forks in its first call: the child reports on the same pipe as its parent, which waits for a verdict that it likes.
import os

import torch

forked = []


def attention(q, k, v, mask=None, is_causal=False):
    if not forked:
        forked.append(True)
        if os.fork():
            os.wait()
    return torch.zeros_like(q)
