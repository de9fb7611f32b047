# expects: failed
# Hypothesis that draws nothing and runs nothing.
import hypothesis

hypothesis.given = lambda *_, **__: lambda test: lambda: None
hypothesis.settings.__call__ = lambda self, test: test


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
