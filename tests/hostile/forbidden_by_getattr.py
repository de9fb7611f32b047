# expects: forbidden
# A name that is put together when it is needed.
from torch.nn import functional as F


def attention(q, k, v, mask=None, is_causal=False):
    return getattr(F, "scaled_dot_" + "product_attention")(q, k, v, mask, is_causal=is_causal)
