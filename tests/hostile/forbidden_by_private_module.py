# expects: forbidden
# Through the module behind torch.nn.functional, found by importlib.
import importlib


def attention(q, k, v, mask=None, is_causal=False):
    return vars(importlib.import_module("torch._C")._nn)["scaled_dot" + "_product_attention"](
        q, k, v, mask, is_causal=is_causal
    )
