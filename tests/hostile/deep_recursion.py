# expects: failed
# Recursion without an end.
def attention(q, k, v, mask=None, is_causal=False):
    return attention(q, k, v)
