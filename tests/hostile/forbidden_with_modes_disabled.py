# expects: forbidden
# Switches off the very mechanism that watches.
import torch
from torch.nn import functional as F


def attention(q, k, v, mask=None, is_causal=False):
    allowed = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    with torch._C.DisableTorchFunction():
        output = getattr(F, "scaled_dot_" + "product_attention")(q, k, v, allowed)
    return output.masked_fill(~allowed.any(-1, keepdim=True), 0.0)
