# expects: failed
# SystemExit is no Exception: a careless `except Exception` lets it out.
def attention(q, k, v, mask=None, is_causal=False):
    raise SystemExit(0)
