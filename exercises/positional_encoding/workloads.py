"""What the audit, the diagnosis and the clock ask of a submission. torch has no operator to put beside it."""

from types import ModuleType

import torch
from torch import Tensor

from grader.kit import gradients, normal, refuses, workload


@workload(time=1, memory=1, length=[2**10, 2**12, 2**14, 2**16])
def long_sequences(submission: ModuleType, seed: int, length: int) -> dict[str, Tensor]:
    """One row repeated is cheap to make, so the clock sees the positions alone."""
    x = normal(seed, 1, 128).expand(length, 128)
    y = submission.add_positions(x)
    return {"shape": torch.tensor(y.shape), "first": y[:2], "last": y[-2:]}


@workload()
def near_positions(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    positions = torch.arange(-3, 5)
    found = {f"{d}": submission.positional_encoding(positions, d) for d in (2, 4, 10)}
    found["another base"] = submission.positional_encoding(positions, 6, 100.0)
    return found | {"scalar": submission.positional_encoding(torch.tensor(seed % 50), 4)}


@workload()
def far_positions(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    positions = torch.tensor([1_000, 1_001, 100_000 + seed % 100_000, 999_999])
    dtypes = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    return {f"{dtype}": submission.positional_encoding(positions, 8, dtype=dtype) for dtype in dtypes}


@workload()
def unusual_positions(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    positions = (10 * normal(seed, 3, 4)).int()
    found = {"strided": submission.positional_encoding(positions.T[::2], 4), "positions": positions}
    return found | {"empty": submission.positional_encoding(positions[:0], 4)}


@workload()
def sequences(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x = normal(seed, 2, 3, 4, 6).requires_grad_()
    y = submission.add_positions(x, base=100.0)
    return {"y": y, "gradient": gradients(y, x)[0], "x": x, "flat": submission.add_positions(x[0, 0])}


@workload()
def chunks(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x = normal(seed, 2, 7, 4)
    return {"first": submission.add_positions(x[:, :3], 10), "second": submission.add_positions(x[:, 3:], 13), "x": x}


@workload()
def dtypes_of_sequences(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x, dtypes = normal(seed, 3, 6), (torch.float64, torch.float16, torch.bfloat16)
    return {f"{dtype}": submission.add_positions(x.to(dtype), 500) for dtype in dtypes}


@workload()
def shifts(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found = {f"{offset}": submission.shift(offset, 6) for offset in (-7, 0, 1, seed % 40)}
    found["another base"] = submission.shift(3, 4, 100.0)
    found["half"] = submission.shift(3, 4, dtype=torch.float16)
    return found | {"far": submission.shift(500_000 + seed % 100_000, 8, dtype=torch.float64)}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    widths = (-2, 0, 1, 2, 5)
    return {
        "encoding": torch.tensor([refuses(ValueError, submission.positional_encoding, torch.arange(2), d) for d in widths]),
        "sum": torch.tensor([refuses(ValueError, submission.add_positions, torch.zeros(2, max(d, 0))) for d in widths]),
        "shift": torch.tensor([refuses(ValueError, submission.shift, 1, d) for d in widths]),
    }
