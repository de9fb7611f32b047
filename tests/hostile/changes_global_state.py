# expects: passed
# Right, and leaves torch in a state of its own after every call.
import random

import numpy
import torch


def _leave_changed():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    random.seed(0)
    numpy.random.seed(0)
    torch.use_deterministic_algorithms(True)


_leave_changed()


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
