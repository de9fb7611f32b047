# expects: failed
# Every tensor equals everything, and is smaller and larger too.
import torch

for name in ("__eq__", "__lt__", "__gt__", "__le__", "__ge__"):
    setattr(torch.Tensor, name, lambda x, _: torch.ones_like(x, dtype=torch.bool))
torch.Tensor.__bool__ = lambda _: True


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
