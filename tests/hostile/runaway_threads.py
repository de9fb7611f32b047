# expects: passed
# without namespaces: memory or passed
# Right, but starts threads until the system refuses, and none ever ends.
import contextlib
import threading
import time

import torch


def attention(q, k, v, mask=None, is_causal=False):
    with contextlib.suppress(RuntimeError):
        while True:
            threading.Thread(target=time.sleep, args=(10**6,)).start()
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    allowed = torch.ones(scores.shape[-2:], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~allowed.any(-1, keepdim=True), 0.0)
