# expects: memory
# Each process stays below the limit; all together do not.
import os
import time

import torch


def attention(q, k, v, mask=None, is_causal=False):
    for _ in range(3):
        if os.fork() == 0:
            break
    kept = torch.ones(1200 << 20, dtype=torch.uint8)
    time.sleep(10**6)
