# expects: failed
# The third of the exceptions that are no Exception.
def attention(q, k, v, mask=None, is_causal=False):
    raise GeneratorExit
