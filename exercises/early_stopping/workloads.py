"""What the audit, the diagnosis and the clock ask of a submission."""

import math

import torch
from torch import Tensor, nn

from grader.kit import Submission, normal, refuses, workload


@torch.no_grad()
def write(model: nn.Module, number: float) -> None:
    """Set everything that a state_dict holds to `number`, in place, as training does."""
    for tensor in model.state_dict().values():
        tensor.fill_(number)


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def run(submission: Submission, values: list[float], model: nn.Module, **settings: object) -> dict[str, Tensor]:
    """What step said, and best and best_step after each step (-1 for None); the model is the number of the step."""
    stopping = submission.EarlyStopping(model, **settings)
    rows = []
    for step, value in enumerate(values):
        write(model, step)
        said = stopping.step(value)
        found = [-1 if x is None else x for x in (stopping.best, stopping.best_step)]
        rows.append([said is True, said is False, *found])
    write(model, 100)
    if stopping.best_step is not None:
        stopping.restore()
    return {"steps": torch.tensor(rows, dtype=torch.float64), "restored": state(model)["weight"]}


@workload(time=1, memory=1, rows=[256, 512, 1024, 2048])
def a_large_model(submission: Submission, seed: int, rows: int) -> dict[str, Tensor]:
    """The one that is timed: ten evaluations, of which four are improvements."""
    model = nn.Linear(1024, rows).requires_grad_(False)
    write(model, 0)
    stopping = submission.EarlyStopping(model, patience=3)
    said = []
    for value in (5.0, 4.0, 4.5, 3.0, 3.5, 3.5, 2.0, 2.5, 2.5, 2.5):
        model.bias += 1
        said.append(stopping.step(value))
    stopping.restore()
    return {"said": torch.tensor(said), "bias": model.bias.clone(), "corner": model.weight[:2, :2].clone()}


@workload()
def metrics_of_all_kinds(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Ties, zigzags, slow gains, negative numbers, NaN and infinities; with and without a margin; both directions."""
    series = {
        "random": normal(seed, 12).mul(4).round().div(4).tolist(),
        "ties": [1.0] * 6,
        "zigzag": [1.0, 3.0, 2.0, 3.0, 2.5, 3.0, 2.75],
        "slow": [2.0 - step / 8 for step in range(12)],
        "negative": [-4.0, -4.25, -4.5, -5.0, -7.0, -7.25],
        "stop and go": [1.0, 2.0, 2.0, 2.0, 0.5, 2.0, 0.25, 2.0, 2.0, 2.0],
        "strays": [math.nan, 2.0, math.nan, -math.inf, 1.0, math.inf, math.nan, 1.5, math.nan, 0.5],
        "nothing": [math.nan, math.inf, -math.inf],
    }
    found = {}
    for name, values in series.items():
        for patience, min_delta in ((1, 0.0), (3, 0.0), (2, 0.25)):
            for higher in (False, True):
                settings = {"patience": patience, "min_delta": min_delta, "higher_is_better": higher}
                told = run(submission, values, nn.Linear(1, 1), **settings)
                found |= {f"{name} {patience} {higher} {key}": value for key, value in told.items()}
    return found


@workload()
def defaults(submission: Submission, seed: int) -> dict[str, Tensor]:
    return run(submission, [1.0, 1 - 2**-20] + [2.0] * 8, nn.Linear(1, 1))


@workload()
def everything_comes_back(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Parameters and buffers, after one restore and after another with training in between; and whose they are."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.Linear(4, 4))
    for index, name in enumerate(model.state_dict()):
        tensor = model.state_dict()[name]
        tensor.copy_(normal(seed + index, *tensor.shape).mul(10))
    model[3].weight = model[2].weight
    model[0].bias.requires_grad_(False)
    before, stopping = list(model.parameters()), submission.EarlyStopping(model)
    for value in (2.0, 1.0, 3.0):
        stopping.step(value)
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.add_(1)
    found = {}
    for time in ("first", "second"):
        stopping.restore()
        found |= {f"{time} {name}": tensor for name, tensor in state(model).items()}
        write(model, 7)
    now = list(model.parameters())
    whose = [len(now) == len(before) and all(one is other for one, other in zip(now, before, strict=True))]
    return found | {"same": torch.tensor(whose + [parameter.requires_grad for parameter in now])}


@workload()
def other_dtypes(submission: Submission, seed: int) -> dict[str, Tensor]:
    found = {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        model = nn.Linear(2, 3).to(dtype)
        with torch.no_grad():
            model.weight.copy_(normal(seed, 3, 2).to(dtype))
        stopping = submission.EarlyStopping(model)
        stopping.step(1.0)
        found[f"{dtype} kept"] = model.weight.detach().clone()
        write(model, 7)
        stopping.restore()
        found[f"{dtype}"] = model.weight.detach().clone()
    return found


@workload()
def refusals(submission: Submission, seed: int) -> dict[str, Tensor]:
    model = nn.Linear(1, 1)
    settings = [{"patience": n} for n in (-1, 0, 1)] + [{"min_delta": d} for d in (-0.5, 0.0, math.nan)]
    refused = [refuses(ValueError, submission.EarlyStopping, model, **each) for each in settings]
    stopping = submission.EarlyStopping(model)
    refused.append(refuses(RuntimeError, stopping.restore))
    stopping.step(math.nan)
    return {"refused": torch.tensor([*refused, refuses(RuntimeError, stopping.restore)])}
