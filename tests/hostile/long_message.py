# expects: failed
# An exception with two megabytes to say.
def attention(q, k, v, mask=None, is_causal=False):
    raise ValueError("x" * (2 << 20))
