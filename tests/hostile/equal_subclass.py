# expects: failed
# A tensor subclass that claims to equal everything.
import torch


class Yes(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function.__name__ in ("equal", "allclose", "isclose", "eq", "__eq__", "lt", "gt", "all", "__bool__"):
            return True
        return super().__torch_function__(function, types, args, kwargs or {})


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1).as_subclass(Yes)
