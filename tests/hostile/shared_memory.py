# expects: memory
# 7 GB of shared memory, which a limit on data does not count.
import mmap

kept = []


def attention(q, k, v, mask=None, is_causal=False):
    for _ in range(7):
        kept.append(mmap.mmap(-1, 1 << 30))
        for page in range(0, 1 << 30, 4096):
            kept[-1][page] = 1
