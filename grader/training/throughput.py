"""How much of a device's arithmetic a run uses: model FLOPs utilization (MFU). Source: Chowdhery et al. 2022, appendix B."""

import time
from collections.abc import Callable

import torch

from grader.training.model import GPT

# Dense bfloat16 peaks in FLOP/s, from the makers' data sheets; the first name that a device's name contains counts.
PEAKS = (("H100 PCIe", 756e12), ("H100", 989e12), ("H200", 989e12), ("GH200", 989e12), ("B200", 2250e12), ("A100", 312e12))


def flops_per_token(model: GPT, context: int) -> int:
    """6N for the products with N parameters, forward and backward, and 12 L T d for the scores and their weighted sums."""
    return 6 * model.size() + 12 * model.config.layers * context * model.config.width


def peak(device: torch.device) -> float:
    """FLOP/s: from the data sheet, or what a large product reaches here and now."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return next((flops for known, flops in PEAKS if known in name), 0.0) or _measured(device, 8192, torch.bfloat16)
    return _measured(device, 768, torch.float32)


def _measured(device: torch.device, size: int, dtype: torch.dtype) -> float:
    matrix = torch.ones(size, size, device=device, dtype=dtype)
    best = min(_seconds(lambda: matrix @ matrix, device) for _ in range(5))
    return 2 * size**3 / best


def _seconds(work: Callable[[], torch.Tensor], device: torch.device) -> float:
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began
