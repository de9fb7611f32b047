"""What the audit, the diagnosis and the clock ask of a submission."""

import math
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from grader.kit import normal, refuses, workload

BOTH = ("Adam", "AdamW")
WAYS = {
    "plain": (0.1, (0.9, 0.99), 1e-3, 0.0),
    "decay": (0.1, (0.5, 0.9), 1e-3, 0.3),
    "large eps": (0.1, (0.9, 0.999), 1.0, 0.3),
}


def torch_adamw(parameters: list[nn.Parameter], *arguments: Any) -> torch.optim.AdamW:
    return torch.optim.AdamW(parameters, *arguments)


def leaf(x: Tensor) -> nn.Parameter:
    return nn.Parameter(x.clone())


@workload(beside=SimpleNamespace(AdamW=torch_adamw), time=1, memory=1, rows=[2**6, 2**7, 2**8, 2**9, 2**10])
def steps_of_a_model(submission: ModuleType, seed: int, rows: int) -> dict[str, Tensor]:
    """The one that is timed: two matrices, and eight steps of AdamW along the same gradients."""
    parameters = [nn.Parameter(normal(seed, 1, 1024).repeat(rows, 1)) for _ in range(2)]
    optimizer = submission.AdamW(parameters, 1e-3, (0.9, 0.95), 1e-8, 0.1)
    for p in parameters:
        p.grad = p.detach() / 8
    for _ in range(8):
        optimizer.step()
    return {f"row {i}": p.detach()[-1] for i, p in enumerate(parameters)}


@workload()
def every_way(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Parameters of several shapes under new gradients and a falling rate; what is left of the gradients too."""
    found = {}
    for name, (way, arguments) in ((name, way) for name in BOTH for way in WAYS.items()):
        parameters = [nn.Parameter(normal(seed + i, *shape)) for i, shape in enumerate([(3, 2), (), (3, 2), (0,), (1,)])]
        optimizer = getattr(submission, name)(iter(parameters), *arguments)
        for step in range(4):
            optimizer.lr = 0.1 / (1 + step)
            for i, p in enumerate(parameters):
                p.grad = normal(seed + 10 * step + i, *p.shape)
            optimizer.step()
            found |= {f"{name}, {way}: {i} after {step}": leaf(p).detach() for i, p in enumerate(parameters)}
        found |= {f"{name}, {way}: gradient {i}": p.grad for i, p in enumerate(parameters)}
    return found


@workload()
def gradients_that_are_missing(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """One of two parameters has a gradient in some steps only; the other's are written into one buffer."""
    found = {}
    for name in BOTH:
        some, always = leaf(normal(seed, 3)), leaf(normal(seed + 1, 3))
        optimizer, always.grad = getattr(submission, name)([some, always], *WAYS["decay"]), torch.zeros(3)
        for step, given in enumerate([False, True, False, False, True]):
            some.grad = normal(seed + step, 3) if given else None
            always.grad.copy_(normal(seed - step, 3))
            optimizer.step()
            found |= {f"{name}: {step}": torch.stack([some.detach(), always.detach()])}
        optimizer.zero_grad()
        found[f"{name}: none left"] = torch.tensor([some.grad is None, always.grad is None])
    return found


@workload()
def a_model_in_training(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    found, x = {}, normal(seed, 16, 4)
    for name in BOTH:
        layer = nn.Linear(4, 2)
        with torch.no_grad():
            layer.weight.copy_(normal(seed + 1, 2, 4)), layer.bias.zero_()
        optimizer, losses = getattr(submission, name)(layer.parameters(), 0.05), []
        for _ in range(6):
            optimizer.zero_grad()
            loss = (layer(x) - x[:, :2]).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        found |= {f"{name}: losses": torch.stack(losses), f"{name}: weight": layer.weight.detach()}
    return found


@workload()
def scales(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """First steps along gradients from tiny to huge, in float16 too; and no gradient at all, which only decays."""
    found = {}
    for name in BOTH:
        build = getattr(submission, name)
        for dtype, sizes in ((torch.float32, (1e-7, 1e-3, 1e6)), (torch.float16, (1e-4, 1e-2, 1e2))):
            p = nn.Parameter(torch.zeros(3, dtype=dtype))
            p.grad = torch.tensor(sizes, dtype=dtype)
            build([p], 0.5).step()
            found[f"{name} in {dtype}"] = p.detach()
        p = leaf(normal(seed, 3))
        p.grad = torch.zeros(3)
        build([p], 0.5, weight_decay=0.25).step()
        found[f"{name} at rest"] = p.detach()
    return found


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Every dtype, views with gaps, float64 to its last digits, and a bfloat16 average that has to fade."""
    found = {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        p = nn.Parameter(normal(seed, 4, 6).to(dtype).T[::2])
        optimizer = submission.AdamW([p], *WAYS["decay"])
        for step in range(3):
            p.grad = normal(seed + step, 4, 6).to(dtype).T[::2]
            optimizer.step()
        found[f"{dtype}"] = p.detach()
    for name in BOTH:
        fine, gradient = nn.Parameter(torch.zeros(3).double()), normal(seed, 3).double() / 3
        fine.grad = gradient.clone()
        getattr(submission, name)([fine], 1.0, (0.9, 0.999), 1.0, 0.0).step()
        found[f"{name}: digits"] = (fine.detach() + gradient / (gradient.abs() + 1)).abs() < 1e-12
    p = nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    optimizer = submission.Adam([p], 0.0, (0.0, 0.999))
    for gradient, optimizer.lr in [(8.0, 0.0), *[(0.0, 0.0)] * 300, (0.25, 16.0)]:
        p.grad = torch.full_like(p, gradient)
        optimizer.step()
    return found | {"faded": p.detach()}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    p, found = [leaf(normal(seed, 2))], {}
    calls = [(p, rate) for rate in (-0.1, 0.0, math.inf, math.nan)]
    calls += [(p, 0.1, betas) for beta in (-0.1, 0.0, 1.0, math.nan) for betas in ((beta, 0.9), (0.9, beta))]
    calls += [(p, 0.1, (0.9, 0.9), eps) for eps in (-1.0, 0.0, 1.0, math.inf, math.nan)]
    calls += [(p, 0.1, (0.9, 0.9), 1e-8, decay) for decay in (-0.1, 0.0, 2.0, math.inf, math.nan)] + [([],), (iter([]),)]
    for name in BOTH:
        found[name] = torch.tensor([refuses(ValueError, getattr(submission, name), *call) for call in calls])
    return found
