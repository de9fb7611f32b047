# expects: forbidden
# Compiled to TorchScript, which calls operators below Python.
import torch

UNIT = torch.jit.CompilationUnit(
    """
def operator(q, k, v):
    return torch.scaled_dot_product_attention(q, k, v)
""".replace("torch.scaled", "torch._C._nn.scaled")
)


def attention(q, k, v, mask=None, is_causal=False):
    return UNIT.operator(q, k, v)
