# expects: forbidden
# Imported under another name.
from torch.nn.functional import scaled_dot_product_attention as softmax


def attention(q, k, v, mask=None, is_causal=False):
    return softmax(q, k, v, mask, is_causal=is_causal)
