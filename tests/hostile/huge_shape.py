# expects: memory
# A view of one number that pretends to be a trillion: whoever computes with it runs out of memory.
def attention(q, k, v, mask=None, is_causal=False):
    return v.flatten()[:1].expand(10**6, 10**6)
