# expects: failed
# NaN everywhere: no comparison is ever false enough.
def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1) * float("nan")
