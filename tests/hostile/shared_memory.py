# expects: memory
# 7 GB of shared memory, which a limit on data does not count.
import mmap

kept = []


def attention(q, k, v, mask=None, is_causal=False):
    for _ in range(7):
        kept.append(mmap.mmap(-1, 1 << 30))
        for _ in range(16):
            kept[-1].write(bytes(64 << 20))
