# expects: timeout
# An infinite loop of bytecode.
def attention(q, k, v, mask=None, is_causal=False):
    while True:
        pass
