# expects: passed
# Right, and changes what else of torch is global.
import warnings

import torch


def _leave_changed():
    torch.set_default_device("meta")
    torch.set_float32_matmul_precision("medium")
    torch.set_flush_denormal(True)
    torch.set_printoptions(precision=1)
    torch.autograd.set_detect_anomaly(True)
    torch.set_anomaly_enabled(True)
    warnings.simplefilter("error")


def _right(q, k, v, mask=None, is_causal=False):
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    allowed = torch.ones(scores.shape[-2:], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~allowed.any(-1, keepdim=True), 0.0)


def attention(q, k, v, mask=None, is_causal=False):
    output = _right(q, k, v, mask, is_causal)
    _leave_changed()
    return output
