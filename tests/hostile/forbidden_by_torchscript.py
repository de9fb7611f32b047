# expects: forbidden
# Compiled to TorchScript, which calls operators below Python.
import torch

UNIT = torch.jit.CompilationUnit("""
def operator(q, k, v, mask):
    return torch._C._nn.scaled_dot_product_attention(q, k, v, mask)
""")


def attention(q, k, v, mask=None, is_causal=False):
    allowed = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    output = UNIT.operator(q, k, v, allowed)
    return output.masked_fill(~allowed.any(-1, keepdim=True), 0.0)
