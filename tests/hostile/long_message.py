# expects: failed
# An exception with ten megabytes to say.
def attention(q, k, v, mask=None, is_causal=False):
    raise ValueError("x\n" * (5 << 20))
