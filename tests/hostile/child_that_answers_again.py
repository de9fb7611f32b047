# expects: failed
# Forks in a call: the child reports on the same pipe as its parent, the parent waits for a verdict it likes.
import os

import torch


def attention(q, k, v, mask=None, is_causal=False):
    if os.fork() == 0:
        return torch.zeros_like(q)
    os.wait()
    return torch.zeros_like(q)
