"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor

from grader.kit import normal, scattered, with_gradients, workload

State = tuple[Tensor, Tensor]
NAMES = ("x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh")


def arguments(seed: int, *lengths: int, inputs: int, units: int) -> list[Tensor]:
    """x [*lengths, inputs], where the last of the lengths is the batch, and the rest in the order of `NAMES`.

    The weights have the scale that training starts from; state and biases are large enough to be noticed.
    """
    batch, scale = lengths[-1], units**-0.5
    state = [normal(seed + 1, batch, units).tanh(), 2 * normal(seed + 2, batch, units)]
    weights = [scale * normal(seed + 3, 4 * units, inputs), scale * normal(seed + 4, 4 * units, units)]
    return [normal(seed, *lengths, inputs), *state, *weights, *normal(seed + 5, 2, 4 * units)]


def step(submission: ModuleType, x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> dict[str, Tensor]:
    h, c = submission.lstm_cell(x, (h, c), *weights)
    return {"h": h, "c": c}


def sequence(submission: ModuleType, x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> dict[str, Tensor]:
    outputs, (h, c) = submission.lstm(x, (h, c), *weights)
    return {"outputs": outputs, "h": h, "c": c}


def torch_lstm(x: Tensor, state: State, *weights: Tensor) -> tuple[Tensor, State]:
    h, c = state
    outputs, h, c = torch.lstm(x, (h[None], c[None]), weights, True, 1, 0.0, True, False, False)
    return outputs, (h[0], c[0])


@workload(beside=SimpleNamespace(lstm=torch_lstm), time=1, memory=1, length=[8, 16, 32, 64])
def training_step(submission: ModuleType, seed: int, length: int) -> dict[str, Tensor]:
    """The one that is timed, backward included. One x is scaled anew for every step, so the clock sees little of randn."""
    x, *rest = arguments(seed, 64, inputs=256, units=256)
    x = torch.linspace(-1, 1, length)[:, None, None] * x
    call = [tensor.requires_grad_() for tensor in (x, *rest)]
    return with_gradients(sequence(submission, *call), NAMES, call)


@workload()
def one_step(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    call = [tensor.requires_grad_() for tensor in arguments(seed, 3, inputs=5, units=4)]
    return with_gradients(step(submission, *call), NAMES, call)


@workload()
def short_sequence(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    call = [tensor.requires_grad_() for tensor in arguments(seed, 6, 3, inputs=5, units=4)]
    return with_gradients(sequence(submission, *call), NAMES, call)


@workload()
def saturated_gates(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Every gate open or shut, in all sixteen ways, around a memory far beyond 1."""
    _, h, c, _, *rest = arguments(seed, 16, inputs=4, units=1)
    ways = torch.cartesian_prod(*[torch.tensor([-50.0, 50.0])] * 4)
    return step(submission, ways, h, 10 * c, torch.eye(4), *rest)


@workload()
def lengths_of_one(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    cell = step(submission, *arguments(seed, 1, inputs=1, units=1))
    alone = sequence(submission, *arguments(seed, 1, 1, inputs=1, units=1))
    return {f"cell_{name}": value for name, value in cell.items()} | alone


@workload()
def other_dtypes(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    results = {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        x, *rest = (tensor.to(dtype) for tensor in arguments(seed, 2, 3, inputs=5, units=4))
        results |= {f"cell_{name}_{dtype}": value for name, value in step(submission, x[0], *rest).items()}
        results |= {f"{name}_{dtype}": value for name, value in sequence(submission, x, *rest).items()}
    return results


@workload()
def scattered_views(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x, *rest = (scattered(tensor) for tensor in arguments(seed, 4, 3, inputs=5, units=4))
    return {f"cell_{name}": value for name, value in step(submission, x[0], *rest).items()} | sequence(submission, x, *rest)


@workload()
def arguments_afterwards(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """What a step and a sequence leave behind in their arguments."""
    x, *rest = arguments(seed, 4, 3, inputs=5, units=4)
    step(submission, x[0], *rest)
    sequence(submission, x, *rest)
    return dict(zip(NAMES, (x, *rest), strict=True))


@workload()
def sequence_in_two_parts(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x, h, c, *weights = arguments(seed, 7, 2, inputs=5, units=4)
    first = sequence(submission, x[:3], h, c, *weights)
    return sequence(submission, x[3:], first["h"], first["c"], *weights)
