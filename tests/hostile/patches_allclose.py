# expects: failed
# torch.allclose and its relatives always say yes.
import torch

torch.allclose = torch.equal = torch.Tensor.allclose = torch.Tensor.equal = lambda *_, **__: True
torch.isclose = torch.Tensor.isclose = lambda x, *_, **__: torch.ones_like(x, dtype=torch.bool)


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
