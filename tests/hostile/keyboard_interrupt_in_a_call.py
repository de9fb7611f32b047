# expects: failed
# As if somebody had pressed Ctrl-C during a property.
def attention(q, k, v, mask=None, is_causal=False):
    raise KeyboardInterrupt
