# expects: failed
# An examiner that finds nothing, but says so in good form.
from grader import examine

examine._hold = lambda name, *_: examine.Finding(name, "passed")


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
