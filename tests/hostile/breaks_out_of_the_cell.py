# expects: passed
# Right, but first tries to mount, to leave its root, and to become somebody again.
import contextlib
import ctypes
import os

import torch

with contextlib.suppress(OSError):
    libc = ctypes.CDLL(None)
    libc.unshare(0x10020000)
    libc.mount(None, b"/", None, 32 | 4096, None)
    libc.mount(b"proc", b"/tmp", b"proc", 0, None)
    libc.umount2(b"/", 2)
for attempt in (
    lambda: os.setuid(0),
    lambda: os.chroot(".."),
    lambda: os.nice(-20),
    lambda: os.mknod("/tmp/disk", 0o60666, 0x800),
):
    with contextlib.suppress(OSError):
        attempt()


def attention(q, k, v, mask=None, is_causal=False):
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    allowed = torch.ones(scores.shape[-2:], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~allowed.any(-1, keepdim=True), 0.0)
