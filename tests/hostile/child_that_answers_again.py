# expects: tampered
# Forks in a call: the child reports on the same pipe as its parent, which waits for a verdict that it likes.
import os

import torch


def attention(q, k, v, mask=None, is_causal=False):
    if os.fork() == 0:
        return torch.zeros_like(q)
    os.wait()
    return torch.zeros_like(q)
