# expects: failed
# An object whose __class__ says torch.Tensor.
import torch


class Yes:
    __class__ = torch.Tensor
    __torch_function__ = classmethod(lambda cls, *_, **__: cls())
    __eq__ = __bool__ = lambda *_: True
    dtype, shape, requires_grad, is_sparse = torch.float32, torch.Size([1, 1]), True, False


def attention(q, k, v, mask=None, is_causal=False):
    return Yes()
