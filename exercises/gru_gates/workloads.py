"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor

from grader.kit import normal, refuses, scattered, with_gradients, workload

NAMES = ("x", "h", "w_ih", "w_hh", "b_ih", "b_hh")


def arguments(seed: int, *lengths: int, inputs: int, units: int) -> list[Tensor]:
    """x [*lengths, inputs], where the last of the lengths is the batch, and the rest in the order of `NAMES`."""
    scale = units**-0.5
    weights = [scale * normal(seed + 2, 3 * units, inputs), scale * normal(seed + 3, 3 * units, units)]
    state = 2 * normal(seed + 1, lengths[-1], units)
    return [normal(seed, *lengths, inputs), state, *weights, *normal(seed + 4, 2, 3 * units)]


def sequence(submission: ModuleType, call: list[Tensor], lengths: Tensor | None = None) -> dict[str, Tensor]:
    outputs, h = submission.gru(*call) if lengths is None else submission.gru(*call, lengths)
    return {"outputs": outputs, "h": h}


def torch_gru(x: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    outputs, h = torch.gru(x, h[None], weights, True, 1, 0.0, True, False, False)
    return outputs, h[0]


@workload(beside=SimpleNamespace(gru=torch_gru), time=1, memory=1, length=[8, 16, 32, 64])
def training_step(submission: ModuleType, seed: int, length: int) -> dict[str, Tensor]:
    """The one that is timed, backward included. One x is scaled anew for every step, so the clock sees little of randn."""
    x, *rest = arguments(seed, 32, inputs=256, units=256)
    x = torch.linspace(-1, 1, length)[:, None, None] * x
    call = [tensor.requires_grad_() for tensor in (x, *rest)]
    return with_gradients(sequence(submission, call), NAMES, call)


@workload()
def one_step(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    call = [tensor.requires_grad_() for tensor in arguments(seed, 3, inputs=5, units=4)]
    return with_gradients({"h": submission.gru_cell(*call)}, NAMES, call)


@workload()
def short_sequence(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    call = [tensor.requires_grad_() for tensor in arguments(seed, 6, 3, inputs=5, units=4)]
    return with_gradients(sequence(submission, call), NAMES, call)


@workload()
def saturated_gates(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Both gates open or shut, in all four ways, around a state far beyond 1, with and without a hidden bias."""
    _, h, _, w_hh, _, b_hh = arguments(seed, 4, inputs=3, units=1)
    ways = torch.cat([torch.cartesian_prod(*[torch.tensor([-50.0, 50.0])] * 2), torch.full((4, 1), 0.3)], 1)
    gates = [(ways, 3 * h, torch.eye(3), scale * w_hh, torch.zeros(3), bias * b_hh) for scale, bias in ((1, 0), (0, 1))]
    return {"product": submission.gru_cell(*gates[0]), "bias": submission.gru_cell(*gates[1])}


@workload()
def padded_batch(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    call = [tensor.requires_grad_() for tensor in arguments(seed, 5, 4, inputs=3, units=4)]
    lengths = torch.tensor([3, 5, 0, 1])
    return with_gradients(sequence(submission, call, lengths), NAMES, call) | {"lengths": lengths}


@workload()
def unusual_arguments(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Other dtypes, views with gaps, lengths of one; and what is left of the arguments."""
    found = {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        call = [tensor.to(dtype) for tensor in arguments(seed, 2, 3, inputs=5, units=4)]
        found |= {f"{name} {dtype}": value for name, value in sequence(submission, call).items()}
        found[f"cell {dtype}"] = submission.gru_cell(call[0][0], *call[1:])
    views = [scattered(tensor) for tensor in arguments(seed, 4, 3, inputs=5, units=4)]
    found |= {f"{name} of views": value for name, value in sequence(submission, views).items()}
    found["one"] = submission.gru(*arguments(seed, 1, 1, inputs=1, units=1))[0]
    return found | {"cell of views": submission.gru_cell(views[0][0], *views[1:])} | dict(zip(NAMES, views, strict=True))


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    call = arguments(seed, 2, 2, inputs=3, units=2)
    ends = [torch.tensor([2, end]) for end in (-1, 0, 2, 3)]
    return {"lengths": torch.tensor([refuses(ValueError, submission.gru, *call, lengths) for lengths in ends])}
