# expects: memory
# Right, but every call keeps another 50 MB.
import torch

kept = []


def attention(q, k, v, mask=None, is_causal=False):
    kept.append(torch.ones(50 << 20, dtype=torch.uint8))
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    allowed = torch.ones(scores.shape[-2:], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~allowed.any(-1, keepdim=True), 0.0)
