"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor

from grader.kit import normal, refuses, scattered, with_gradients, workload

NAMES = ("x", "h", "w_ih", "w_hh", "b_ih", "b_hh")


def arguments(seed: int, *lengths: int, inputs: int, units: int) -> list[Tensor]:
    """x [*lengths, inputs], where the last of the lengths is the batch, and the rest in the order of `NAMES`."""
    scale = units**-0.5
    weights = [scale * normal(seed + 2, units, inputs), scale * normal(seed + 3, units, units)]
    state = normal(seed + 1, lengths[-1], units).tanh()
    return [normal(seed, *lengths, inputs), state, *weights, *(normal(seed + 4, 2, units) / 2)]


def sequence(submission: ModuleType, call: list[Tensor]) -> dict[str, Tensor]:
    outputs, h = submission.rnn(*call)
    return {"outputs": outputs, "h": h}


def torch_rnn(x: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    outputs, h = torch.rnn_tanh(x, h[None], weights, True, 1, 0.0, True, False, False)
    return outputs, h[0]


def trained(submission: ModuleType, seed: int, steps: int, rate: float = 0.0, clears: bool = True) -> dict[str, Tensor]:
    """A pass over seven steps with gradient descent at each update: the losses, the state, the weights, what was seen."""
    x, h, *weights = (tensor.requires_grad_() for tensor in arguments(seed, 7, 2, inputs=3, units=4))
    targets, seen = normal(seed + 9, 7, 2, 4), []

    def update() -> None:
        seen.append(torch.cat([weight.grad.flatten() for weight in weights]))
        with torch.no_grad():
            for weight in weights:
                weight -= rate * weight.grad
                weight.grad = None if clears else weight.grad

    def loss(outputs: Tensor, wanted: Tensor) -> Tensor:
        return (outputs - wanted).square().mean()

    losses, end = submission.truncated_bptt(x.detach(), targets, h, tuple(weights), steps, loss, update)
    facts = torch.tensor([end.requires_grad, h.grad is None, *(type(loss) is float for loss in losses)])
    found = {f"gradient_{number}": gradient.clone() for number, gradient in enumerate(seen)}
    found |= dict(zip(NAMES[1:], (h, *weights), strict=True))
    return found | {"losses": torch.tensor(losses), "end": end, "facts": facts, "updates": torch.tensor(len(seen))}


@workload(beside=SimpleNamespace(rnn=torch_rnn), time=1, memory=1, length=[16, 32, 64, 128])
def training_step(submission: ModuleType, seed: int, length: int) -> dict[str, Tensor]:
    """The one that is timed, backward included. One x is scaled anew for every step, so the clock sees little of randn."""
    x, *rest = arguments(seed, 32, inputs=256, units=256)
    x = torch.linspace(-1, 1, length)[:, None, None] * x
    call = [tensor.requires_grad_() for tensor in (x, *rest)]
    return with_gradients(sequence(submission, call), NAMES, call)


@workload()
def one_step(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    call = [tensor.requires_grad_() for tensor in arguments(seed, 3, inputs=5, units=4)]
    return with_gradients({"h": submission.rnn_cell(*call)}, NAMES, call)


@workload()
def short_sequence(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    call = [tensor.requires_grad_() for tensor in arguments(seed, 6, 3, inputs=5, units=4)]
    return with_gradients(sequence(submission, call), NAMES, call)


@workload()
def unusual_arguments(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Other dtypes, views with gaps, lengths of one; and what is left of the arguments."""
    found = {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        call = [tensor.to(dtype) for tensor in arguments(seed, 2, 3, inputs=5, units=4)]
        found |= {f"{name} {dtype}": value for name, value in sequence(submission, call).items()}
        found[f"cell {dtype}"] = submission.rnn_cell(call[0][0], *call[1:])
    views = [scattered(tensor) for tensor in arguments(seed, 4, 3, inputs=5, units=4)]
    found |= {f"{name} of views": value for name, value in sequence(submission, views).items()}
    found["one"] = submission.rnn(*arguments(seed, 1, 1, inputs=1, units=1))[0]
    return found | {"cell of views": submission.rnn_cell(views[0][0], *views[1:])} | dict(zip(NAMES, views, strict=True))


@workload()
def truncated(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Windows of three, three and one step; without a change of weights, so that gradients add up."""
    return trained(submission, seed, 3, clears=False)


@workload()
def truncated_with_updates(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    return trained(submission, seed, 2, rate=0.1)


@workload()
def untruncated(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    return trained(submission, seed, 100) | trained(submission, seed, 7)


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    return {"steps": torch.tensor([refuses(ValueError, trained, submission, seed, steps) for steps in (-1, 0, 1)])}
