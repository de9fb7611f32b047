# expects: failed
# The worker's last line is os._exit: what if that does nothing?
import atexit
import os
import torch

os._exit = lambda code: None
atexit.register(lambda: print('{"outcome": "passed"}'))


def attention(q, k, v, mask=None, is_causal=False):
    return torch.zeros_like(q)
