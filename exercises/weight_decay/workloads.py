"""What the audit, the diagnosis and the clock ask of a submission."""

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor, nn

from grader.kit import normal, refuses, scattered, workload

SHAPES = [(5, 4), (4,), (), (2, 3, 4)]
NUMBERS = [0.0, 0.5, -0.1, float("inf"), float("nan")]


def parameters(seed: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Some of several shapes, with gradients; the second has none."""
    found = [nn.Parameter(normal(seed + i, *shape).to(dtype)) for i, shape in enumerate(SHAPES)]
    for i, parameter in enumerate(found):
        parameter.grad = None if i == 1 else normal(seed - i, *parameter.shape).to(dtype)
    return found


def state(found: list[Tensor]) -> dict[str, Tensor]:
    """What the parameters and their gradients hold; a gradient of None is a NaN that stands for itself as -1."""
    results = {f"parameter {i}": p.detach().clone() for i, p in enumerate(found)}
    return results | {f"gradient {i}": torch.tensor(-1.0) if p.grad is None else p.grad.clone() for i, p in enumerate(found)}


def steps(submission: ModuleType) -> dict[str, Callable[[list[Tensor]], None]]:
    return {
        "l1": lambda found: submission.couple(found, l1=0.3),
        "l2": lambda found: submission.couple(found, l2=0.3),
        "both": lambda found: submission.couple(found, 0.3, 0.7),
        "decay": lambda found: submission.decay(found, 0.5, 0.3),
        "shrink": lambda found: submission.shrink(found, 0.5, 0.8),
    }


def torch_couple(found: list[Tensor], l1: float, l2: float) -> None:
    gradients = [parameter.grad for parameter in found]
    with torch.no_grad():
        torch._foreach_add_(gradients, found, alpha=l2)
        torch._foreach_add_(gradients, torch._foreach_sign(found), alpha=l1)


def torch_decay(found: list[Tensor], lr: float, weight_decay: float) -> None:
    with torch.no_grad():
        torch._foreach_mul_(found, 1 - lr * weight_decay)


def torch_penalty(found: list[Tensor], l1: float, l2: float) -> Tensor:
    return sum(l1 * parameter.norm(1) + l2 / 2 * parameter.norm(2).square() for parameter in found)


@workload(beside=SimpleNamespace(penalty=torch_penalty, couple=torch_couple, decay=torch_decay), time=1, memory=1,
          entries=[2**14, 2**16, 2**18, 2**20])  # fmt: skip
def many_parameters(submission: ModuleType, seed: int, entries: int) -> dict[str, Tensor]:
    """The one that is timed: a penalty with its gradient, and the other ways, over sixteen tensors."""
    values = normal(seed, 1024).repeat(entries // 1024)
    found = [nn.Parameter(values.clone()) for _ in range(16)]
    total = submission.penalty(found, 0.1, 0.2)
    total.backward()
    submission.couple(found, 0.3, 0.1)
    submission.decay(found, 0.1, 0.1)
    last = found[-1]
    return {"per entry": total.detach() / (16 * entries), "w": last[-1024:].detach(), "gradient": last.grad[-1024:]}


@workload()
def penalties(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    results = {}
    for name, numbers in {"l1": {"l1": 0.3}, "l2": {"l2": 0.3}, "both": {"l1": 0.2, "l2": 0.7}, "none": {}}.items():
        found = parameters(seed)
        total = submission.penalty((p for p in found), **numbers)
        results[name] = total.detach()
        by_w = torch.autograd.grad(total, found, materialize_grads=True)
        results |= {f"{name} by {i}": gradient for i, gradient in enumerate(by_w)}
    return results


@workload()
def penalties_of_other_dtypes(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    results = {f"{dtype}": submission.penalty(parameters(seed, dtype), 0.1, 0.2) for dtype in (torch.float64, torch.bfloat16)}
    results["overflow"] = submission.penalty([normal(seed, 400).half().sign() * 300], 1.0, 1.0)
    results["sum"] = submission.penalty([torch.ones(70_000).half()], 1.0, 0.0)
    return results | {"mixed": submission.penalty([*parameters(seed, torch.float16), *parameters(seed)], 0.1, 0.2)}


@workload()
def in_place(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Every step on a list, and on a generator."""
    results = {}
    for name, step in steps(submission).items():
        found, others = parameters(seed), parameters(seed)
        places = [p.data_ptr() for p in found]
        step(found), step(p for p in others)
        results |= {f"{name} {key}": value for key, value in state(found).items()}
        results |= {f"{name}, from a generator, {key}": value for key, value in state(others).items()}
        results[f"{name} moved"] = torch.tensor([p.data_ptr() for p in found] != places)
    return results


@workload()
def unusual_parameters(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    results = {}
    for name, step in steps(submission).items():
        for dtype in (torch.float64, torch.float16, torch.bfloat16):
            found = parameters(seed, dtype)
            step(found)
            results |= {f"{name} {dtype} {key}": value for key, value in state(found).items()}
        view = nn.Parameter(scattered(normal(seed, 3, 4)))
        view.grad = normal(seed + 1, 3, 4)
        step([view])
        results |= {f"{name} scattered {key}": value for key, value in state([view]).items()}
    return results


@workload()
def groups(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """The numbers of axes in each group and the decay that it carries, for a model with shared and frozen parameters."""
    layers = [nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 3), nn.Linear(3, 3), nn.Conv1d(3, 2, 1), nn.Linear(2, 2)]
    model = nn.Sequential(*layers)
    layers[3].weight = layers[2].weight
    layers[5].requires_grad_(False)
    model.scale = nn.Parameter(torch.ones(()))
    found = submission.parameter_groups(model, 0.1)
    results = {f"group {i}": torch.tensor([p.ndim for p in group["params"]]) for i, group in enumerate(found)}
    return results | {"decay": torch.tensor([group["weight_decay"] for group in found])}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Which numbers are refused, in either place, and what is left of the parameters."""
    found, results = parameters(seed), {}
    for name in ("penalty", "couple", "decay", "shrink"):
        for order in (1, -1):
            calls = [(number, 0.5)[::order] for number in NUMBERS]
            refused = [refuses(ValueError, getattr(submission, name), found, *call) for call in calls]
            results[f"{name} {order}"] = torch.tensor(refused)
    model = nn.Linear(2, 2)
    refused = [refuses(ValueError, submission.parameter_groups, model, number) for number in NUMBERS]
    return results | state(found) | {"groups": torch.tensor(refused)}
