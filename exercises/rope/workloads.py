"""What the audit, the diagnosis and the clock ask of a submission. torch has no operator to put beside it."""

from types import ModuleType

import torch
from torch import Tensor

from grader.kit import gradients, normal, refuses, workload


@workload(time=1, memory=1, time_steps=[2**9, 2**11, 2**13, 2**14])
def training_heads(submission: ModuleType, seed: int, time_steps: int) -> dict[str, Tensor]:
    """The one that is timed: eight heads of 64, forward and backward. One head repeated is cheap to make."""
    x = normal(seed, time_steps, 64).expand(8, time_steps, 64).requires_grad_()
    y = submission.rotate(x, torch.arange(time_steps))
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    return {"y": y[-1, -3:].detach(), "gradient": gradient[-1, -3:]}


@workload()
def single_columns(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """A row for each column, so that all partners and angles show."""
    turned = {f"{p}": submission.rotate(torch.eye(8), torch.full((8,), p)) for p in (-3, 0, 1, 50)}
    return turned | {"another base": submission.rotate(torch.eye(6), torch.full((6,), 7), 100.0)}


@workload()
def batch_of_heads(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x = normal(seed, 2, 3, 4, 6).requires_grad_()
    shared, own = torch.tensor([5, 0, 2, 2]), torch.tensor([[[0, 1, 2, 3]], [[-9, 4, 4, 100]]])
    y = submission.rotate(x, shared)
    return {"shared": y, "gradient": gradients(y, x)[0], "own": submission.rotate(x, own), "x": x}


@workload()
def equal_axes(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Where batch, heads and time are equally long, shapes tell nothing."""
    x = normal(seed, 3, 3, 3, 4)
    return {"y": submission.rotate(x, torch.arange(3)), "no leading axes": submission.rotate(x[0, 0], torch.arange(3))}


@workload()
def far_positions(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x, positions = normal(seed, 4, 8), torch.tensor([1_000, 1_001, 100_000 + seed % 100_000, 999_999])
    dtypes = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    return {f"{dtype}": submission.rotate(x.to(dtype), positions) for dtype in dtypes}


@workload()
def unusual_layouts(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x, positions = normal(seed, 5, 3, 8).transpose(0, 1)[..., ::2], torch.arange(10, dtype=torch.int32)[::2]
    y = submission.rotate(x, positions)
    return {"y": y, "x": x, "positions": positions}


@workload()
def conversions(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    weight = normal(seed, 12, 5)
    found = {f"{heads}": submission.from_interleaved(weight, heads) for heads in (1, 2, 3, 6)}
    found |= {"bias": submission.from_interleaved(weight[:, 0], 2), "kernel": submission.from_interleaved(weight[..., None], 3)}
    return found | {"half": submission.from_interleaved(weight.half(), 2), "weight": weight}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    widths, rows = (0, 1, 2, 3, 4), (2, 4, 6, 8, 9, 12)
    return {
        "widths": torch.tensor([refuses(ValueError, submission.rotate, torch.zeros(1, d), torch.arange(1)) for d in widths]),
        "rows": torch.tensor([refuses(ValueError, submission.from_interleaved, torch.zeros(n, 3), 2) for n in rows]),
    }
