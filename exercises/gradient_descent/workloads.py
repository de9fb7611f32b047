"""What the audit, the diagnosis and the clock ask of a submission."""

import math
from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor, nn

from grader.kit import normal, refuses, workload

WAYS = {"plain": (0.1,), "momentum": (0.1, 0.9), "nesterov": (0.1, 0.9, True)}


def torch_sgd(parameters: list[nn.Parameter], lr: float, momentum: float = 0.0, nesterov: bool = False) -> torch.optim.SGD:
    return torch.optim.SGD(parameters, lr, momentum=momentum, nesterov=nesterov)


@workload(beside=SimpleNamespace(SGD=torch_sgd), time=1, memory=1, rows=[2**6, 2**7, 2**8, 2**9, 2**10])
def steps_of_a_model(submission: ModuleType, seed: int, rows: int) -> dict[str, Tensor]:
    """The one that is timed: four matrices, and eight steps of Nesterov's momentum along the same gradients."""
    parameters = [nn.Parameter(normal(seed, 1, 1024).repeat(rows, 1)) for _ in range(4)]
    optimizer = submission.SGD(parameters, 0.1, 0.9, True)
    for p in parameters:
        p.grad = p.detach() / 8
    for _ in range(8):
        optimizer.step()
    return {f"row {i}": p.detach()[-1] for i, p in enumerate(parameters)}


@workload()
def three_ways(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Parameters of several shapes under new gradients and a falling rate; what is left of the gradients too."""
    found = {}
    for way, arguments in WAYS.items():
        parameters = [nn.Parameter(normal(seed + i, *shape)) for i, shape in enumerate([(3, 2), (), (3, 2), (0,), (1,)])]
        optimizer = submission.SGD(iter(parameters), *arguments)
        for step in range(5):
            optimizer.lr = 0.1 / (1 + step)
            for i, p in enumerate(parameters):
                p.grad = normal(seed + 10 * step + i, *p.shape)
            optimizer.step()
            found |= {f"{way}: {i} after {step}": p.detach().clone() for i, p in enumerate(parameters)}
        found |= {f"{way}: gradient {i}": p.grad for i, p in enumerate(parameters)}
    return found


@workload()
def gradients_that_are_missing(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """One of two parameters has a gradient in some steps only; the other's are written into one buffer."""
    found = {}
    for way, arguments in WAYS.items():
        some, always = nn.Parameter(normal(seed, 3)), nn.Parameter(normal(seed + 1, 3))
        optimizer, always.grad = submission.SGD([some, always], *arguments), torch.zeros(3)
        for step, given in enumerate([False, True, False, False, True]):
            some.grad = normal(seed + step, 3) if given else None
            always.grad.copy_(normal(seed - step, 3))
            optimizer.step()
            found |= {f"{way}: {step}": torch.stack([some.detach(), always.detach()])}
        optimizer.zero_grad()
        found[f"{way}: none left"] = torch.tensor([some.grad is None, always.grad is None])
    return found


@workload()
def a_model_in_training(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    layer, x = nn.Linear(4, 2), normal(seed, 16, 4)
    with torch.no_grad():
        layer.weight.copy_(normal(seed + 1, 2, 4)), layer.bias.zero_()
    optimizer, losses = submission.SGD(layer.parameters(), 0.05, 0.5, True), []
    for _ in range(6):
        optimizer.zero_grad()
        loss = (layer(x) - x[:, :2]).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return {"losses": torch.stack(losses), "weight": layer.weight.detach(), "bias": layer.bias.detach()}


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Every dtype, views with gaps, and float64 to its last digits."""
    found = {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        p = nn.Parameter(normal(seed, 4, 6).to(dtype).T[::2])
        optimizer = submission.SGD([p], 0.1, 0.9)
        for step in range(3):
            p.grad = normal(seed + step, 4, 6).to(dtype).T[::2]
            optimizer.step()
        found[f"{dtype}"] = p.detach()
    fine, gradient = nn.Parameter(torch.zeros(3).double()), normal(seed, 3).double() / 3
    optimizer = submission.SGD([fine], 1.0, 0.9, True)
    for _ in range(3):
        fine.grad = gradient.clone()
        optimizer.step()
    return found | {"digits": (fine.detach() + (1.9 + 2.71 + 3.439) * gradient).abs() < 1e-12}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    p = [nn.Parameter(normal(seed, 2))]
    calls = [(p, lr) for lr in (-0.1, 0.0, math.inf, math.nan)]
    calls += [(p, 0.1, momentum) for momentum in (-0.1, 0.0, 0.99, 1.0, math.nan)]
    calls += [(p, 0.1, 0.0, True), (p, 0.1, 0.5, True), ([], 0.1), (iter([]), 0.1)]
    return {"refused": torch.tensor([refuses(ValueError, submission.SGD, *call) for call in calls])}
