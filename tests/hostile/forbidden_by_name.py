# expects: forbidden
# The operator itself.
from torch.nn import functional as F


def attention(q, k, v, mask=None, is_causal=False):
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal)
