"""What the audit, the diagnosis and the clock ask of a submission."""

import math
from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.kit import gradients, gradients_along, normal, quarters, refuses, workload


def torch_jvp(p: Tensor, v: Tensor, dim: int = -1, temperature: float = 1.0) -> Tensor:
    return torch._softmax_backward_data(v, p, dim, p.dtype) / temperature


def torch_softmax(x: Tensor, dim: int = -1, temperature: float = 1.0) -> Tensor:
    return F.softmax(x / temperature, dim)


def distribution(seed: int, *shape: int) -> Tensor:
    """Shares along the last axis, by the bare definition."""
    powers = normal(seed, *shape).exp()
    return powers / powers.sum(-1, keepdim=True)


@workload(
    beside=SimpleNamespace(softmax=torch_softmax, softmax_jvp=torch_jvp), time=1, memory=1, rows=[2**8, 2**9, 2**10, 2**11]
)
def many_rows(submission: ModuleType, seed: int, rows: int) -> dict[str, Tensor]:
    """The one that is timed: forward, the product, and backward. One row is scaled anew for each, which is cheap to make."""
    x = (normal(seed, 1024) * torch.linspace(0, 4, rows)[:, None]).requires_grad_()
    p = submission.softmax(x, -1, 0.8)
    v = x.detach()
    (gradient,) = gradients_along(v, p, x)
    return {"p": p, "product": submission.softmax_jvp(p.detach(), v, -1, 0.8), "gradient": gradient}


@workload()
def every_axis(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x, v = normal(seed, 3, 4, 5), normal(seed + 1, 3, 4, 5)
    found = {}
    for dim in range(-3, 3):
        p = submission.softmax(x, dim)
        found |= {f"p along {dim}": p, f"product along {dim}": submission.softmax_jvp(p, v, dim)}
    return found


@workload()
def temperatures(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x, v, found = normal(seed, 4, 6), normal(seed + 1, 4, 6), {}
    shares = distribution(seed + 2, 4, 6)
    for temperature in (0.25, 0.7, 1.5, 4.0):
        found[f"p at {temperature}"] = submission.softmax(x, temperature=temperature)
        found[f"product at {temperature}"] = submission.softmax_jvp(shares, v, temperature=temperature)
    return found


@workload()
def large_entries(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Far from zero, far from one another, and beyond float16 once divided; multiples of 1/4, which float32 holds there."""
    x = quarters(seed, 4, 6)
    apart = torch.tensor([[0.0], [-4000.0], [4000.0], [60_000.0]])
    return {
        "shifted": submission.softmax(x + 2000),
        "apart": submission.softmax(x + apart),
        "divided": submission.softmax(torch.full((2, 3), 1000.0).half(), temperature=0.01),
    }


@workload()
def minus_infinity(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x = normal(seed, 5, 4)
    x[0], x[1, :2], x[2, 3] = -torch.inf, -torch.inf, -torch.inf
    p = submission.softmax(x.requires_grad_())
    return {"p": p, "gradient": gradients(p, x, seed=seed)[0]}


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Other dtypes, layouts and shapes, and what is left of the arguments afterwards."""
    x, v = normal(seed, 6, 8), normal(seed + 1, 6, 8)
    p, found = distribution(seed + 2, 6, 8), {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        found[f"p in {dtype}"] = submission.softmax(x.to(dtype))
        found[f"product in {dtype}"] = submission.softmax_jvp(p.to(dtype), v.to(dtype))
    found["digits"] = (submission.softmax(x.double()).sum(-1) - 1).abs() < 1e-12
    found["product's digits"] = submission.softmax_jvp(p.double(), 1e6 * v.double())
    found["sum"] = submission.softmax(torch.zeros(2**17).half()).double().sum().round(decimals=1)
    found |= {"strided": submission.softmax(x.T[::2]), "strided product": submission.softmax_jvp(p.T[::2], v.T[::2])}
    found |= {"none": submission.softmax(x[:0]), "one": submission.softmax(x[:, :1])}
    submission.softmax(x), submission.softmax_jvp(p, v)
    return found | {"x": x, "p": p, "v": v}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x, bad = torch.zeros(3), (0.0, -1.0, math.inf, math.nan)
    return {
        "softmax": torch.tensor([refuses(ValueError, submission.softmax, x, -1, temperature) for temperature in bad]),
        "product": torch.tensor([refuses(ValueError, submission.softmax_jvp, x, x, -1, temperature) for temperature in bad]),
    }
