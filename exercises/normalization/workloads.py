"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from grader.kit import gradients, normal, quarters, refuses, workload


def torch_layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return F.layer_norm(x, weight.shape, weight, bias, eps)


def torch_rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-6) -> Tensor:
    return F.rms_norm(x, weight.shape, weight, eps)


TORCH = SimpleNamespace(layer_norm=torch_layer_norm, rms_norm=torch_rms_norm, BatchNorm=nn.BatchNorm1d)


def affine(seed: int, d: int) -> list[Tensor]:
    return [1 + normal(seed + 1, d) / 2, normal(seed + 2, d)]


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items() if name.startswith("running")}


@workload(beside=TORCH, time=1, memory=1, rows=[2**7, 2**8, 2**9, 2**10])
def many_rows(submission: ModuleType, seed: int, rows: int) -> dict[str, Tensor]:
    """The one that is timed: each norm over rows of 512, forward and backward. One row is scaled anew for each."""
    x = (normal(seed, 512) * torch.linspace(0.5, 4, rows)[:, None] + torch.linspace(0, 2, rows)[:, None]).requires_grad_()
    (weight, bias), module = (p.requires_grad_() for p in affine(seed, 512)), submission.BatchNorm(512)
    outputs = submission.layer_norm(x, weight, bias), submission.rms_norm(x, weight), module(x)
    # One norm at a time, or every graph would be alive at once; squares, since a sum of normalized entries does not move.
    by = [
        torch.autograd.grad((y.square() * y).sum() / rows, [x, weight], allow_unused=True, retain_graph=True) for y in outputs
    ]
    return {f"output {i}": y[-1] for i, y in enumerate(outputs)} | {f"gradient {i}": g[0][-1] for i, g in enumerate(by)} | {
        "by weight": by[0][1], "by gain": by[1][1]
    } | state(module)  # fmt: skip


@workload()
def rows_of_every_kind(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Values and gradients for several shapes and for an eps that shows."""
    found = {}
    for shape in ((5,), (4, 5), (2, 3, 5), (4, 1), (0, 5)):
        for eps in (1e-5, 0.5):
            x, weight, bias = (t.requires_grad_() for t in (normal(seed, *shape), *affine(seed, shape[-1])))
            layer, rms = submission.layer_norm(x, weight, bias, eps), submission.rms_norm(x, weight, eps)
            found |= {f"layer {shape} {eps}": layer, f"rms {shape} {eps}": rms}
            for i, gradient in enumerate(gradients(layer, x, weight, bias, seed=seed)):
                found[f"layer {shape} {eps} by {i}"] = gradient
            for i, gradient in enumerate(gradients(rms, x, weight, seed=seed)):
                found[f"rms {shape} {eps} by {i}"] = gradient
    x, weight, bias = (t.detach() for t in (normal(seed, 3, 5), *affine(seed, 5)))
    return found | {
        "layer, default": submission.layer_norm(x / 99, weight, bias),
        "rms, default": submission.rms_norm(x / 99, weight),
    }


@workload()
def equal_entries(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    x, (weight, bias) = torch.tensor([[0.0], [3.0], [-1.0]]).repeat(1, 4).requires_grad_(), affine(seed, 4)
    layer, rms = submission.layer_norm(x, weight, bias, 0.1), submission.rms_norm(x, weight, 0.1)
    outputs = {"layer": layer, "rms": rms}
    return outputs | {f"{name} by x": gradients(y, x, seed=seed)[0] for name, y in outputs.items()}


@workload()
def a_common_offset(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Entries near 4096, rounded to what the rounding of their mean leaves."""
    x, ones = quarters(seed, 3, 6) + torch.arange(6) + 4096, torch.ones(6)
    layer, batch = submission.layer_norm(x, ones, 0 * ones), submission.BatchNorm(3)(x.T)
    return {"layer": (layer.detach() / 8).half(), "batch": (batch.detach() / 8).half()}


@workload()
def batches_in_training(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Outputs, gradients and running averages over a few batches, with positions and without; a graph that must not grow."""
    found = {}
    for shape in ((4, 3), (2, 3), (2, 3, 4), (1, 3, 2), (2, 3, 2, 2)):
        for momentum in (0.1, 0.4):
            module = submission.BatchNorm(3, 1e-3, momentum)
            for step in range(2):
                x = (2 + normal(seed + step, *shape)).requires_grad_()
                y = module(x)
                by = gradients(y, x, module.weight, module.bias, seed=seed)
                here = {"output": y.detach()} | {f"by {i}": gradient for i, gradient in enumerate(by)} | state(module)
                found |= {f"{shape} {momentum} {step} {name}": value for name, value in here.items()}
            grad = [module.running_mean.requires_grad, module.running_var.requires_grad]
            found[f"{shape} {momentum} graph"] = torch.tensor(grad)
    return found


@workload()
def batches_in_evaluation(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module = submission.BatchNorm(3)
    module(3 + 2 * normal(seed, 5, 3))
    module.load_state_dict(module.state_dict() | dict(zip(("weight", "bias"), affine(seed, 3), strict=True)))
    module.eval()
    found = {str(shape): module(normal(seed, *shape)).detach() for shape in ((4, 3), (1, 3), (0, 3), (2, 3, 4))}
    names = sorted(module.state_dict())
    return found | state(module) | {"state": torch.tensor([names == ["bias", "running_mean", "running_var", "weight"]])}


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Other dtypes and layouts, large entries in float16, and what is left of the arguments afterwards."""
    x, (weight, bias), found = normal(seed, 6, 8), affine(seed, 8), {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        each = [t.to(dtype) for t in (x, weight, bias)]
        module = submission.BatchNorm(8).to(dtype)
        found |= {f"layer in {dtype}": submission.layer_norm(*each), f"rms in {dtype}": submission.rms_norm(*each[:2])}
        found |= {f"batch in {dtype}": module(each[0]).detach(), f"later in {dtype}": module.eval()(each[0]).detach()}
    large, ones = (9_000 * x).half(), torch.ones(8).half()
    found |= {"large layer": submission.layer_norm(large, ones, 0 * ones), "large rms": submission.rms_norm(large, ones)}
    found |= {"large batch": submission.BatchNorm(8).half()(large).detach()}
    wide = x.double()
    mean, variance = wide.mean(-1, keepdim=True), wide.var(-1, keepdim=True, correction=0)
    one = torch.ones(8).double()
    rest = submission.layer_norm(wide, one, 0 * one) - (wide - mean) / (variance + 1e-5).sqrt()
    found["digits"] = rest.abs() < 1e-12
    view = x.T[::2]
    found |= {
        "strided layer": submission.layer_norm(view, weight[:6], bias[:6]),
        "strided rms": submission.rms_norm(view, weight[:6]),
    }
    found["strided batch"] = submission.BatchNorm(6)(view).detach()
    return found | {"x": x, "weight": weight, "bias": bias}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module = submission.BatchNorm(3)
    refused = [refuses(ValueError, module, normal(seed, *shape)) for shape in ((1, 3), (0, 3), (1, 3, 1), (1, 3, 2), (2, 3))]
    return {"refused": torch.tensor(refused)} | state(module)
