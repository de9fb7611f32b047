# expects: forbidden
# Through the registry of operators.
import torch


def attention(q, k, v, mask=None, is_causal=False):
    return torch.ops.aten.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal)
