# expects: failed
# A trace function that makes every frame of a property return early.
import sys
import threading


def trace(frame, event, argument):
    if frame.f_code.co_name.startswith("test_"):
        frame.f_lineno = frame.f_code.co_firstlineno
    return trace


sys.settrace(trace)
threading.settrace(trace)


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
