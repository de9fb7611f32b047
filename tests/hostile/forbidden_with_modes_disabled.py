# expects: forbidden
# Switches off the very mechanism that watches.
import torch
from torch.nn import functional as F


def attention(q, k, v, mask=None, is_causal=False):
    with torch._C.DisableTorchFunction():
        return getattr(F, "scaled_dot_" + "product_attention")(q, k, v, mask, is_causal=is_causal)
