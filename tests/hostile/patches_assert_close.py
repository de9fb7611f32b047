# expects: failed
# Teaches the comparison to be content with everything.
import sys

from torch import testing

testing.assert_close = testing._comparison.assert_close = lambda *_, **__: None
for module in list(sys.modules.values()):
    for name in ("assert_close", "agrees"):
        if name in getattr(module, "__dict__", {}):
            setattr(module, name, lambda *_, **__: None)


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
