# expects: forbidden
# Source text within the source text.
exec("from torch.nn.functional import scaled_dot" + "_product_attention as operator")


def attention(q, k, v, mask=None, is_causal=False):
    return operator(q, k, v, mask, is_causal=is_causal)  # noqa: F821
