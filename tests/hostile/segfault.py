# expects: crashed
# Dies of SIGSEGV.
import faulthandler


def attention(q, k, v, mask=None, is_causal=False):
    faulthandler._sigsegv()
