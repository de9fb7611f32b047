# expects: memory
# Asks for 20 GB at once.
import torch


def attention(q, k, v, mask=None, is_causal=False):
    return torch.ones(20 << 30, dtype=torch.uint8)
