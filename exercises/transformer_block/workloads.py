"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor, nn

from grader.kit import filled, gradients, normal, refuses, scattered, workload


class TorchBlock(nn.TransformerEncoderLayer):
    """torch's own: a decoder block without cross-attention is its encoder layer under a causal mask."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__(d_model, heads, 4 * d_model, 0.0, "gelu", batch_first=True, norm_first=True)

    def forward(self, x: Tensor) -> Tensor:
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return super().forward(x, src_mask=later, is_causal=True)


def block(submission: ModuleType, seed: int, heads: int = 2, dropout: float = 0.0) -> nn.Module:
    return filled(submission.TransformerBlock(6, heads, 10, dropout), seed)


def with_gradients(module: nn.Module, output: Tensor, x: Tensor) -> dict[str, Tensor]:
    named = {"x": x} | dict(module.named_parameters())
    found = gradients(output, *named.values())
    return {"output": output.detach()} | {f"by {name}": g for name, g in zip(named, found, strict=True)}


@workload(beside=SimpleNamespace(TransformerBlock=TorchBlock), time=1, memory=1, batch=[1, 2, 4, 8])
def training_step(submission: ModuleType, seed: int, batch: int) -> dict[str, Tensor]:
    """The one that is timed: four heads of 32 over 128 positions, forward and backward."""
    module = filled(submission.TransformerBlock(128, 4), seed, scale=0.06)
    x = normal(seed, 1, 128, 128).requires_grad_()
    output = module(x.repeat(batch, 1, 1))  # one sequence repeated: cheap to make
    by_x, *others = gradients(output, x, *module.parameters())
    total = torch.stack([gradient.double().square().sum() for gradient in others]).sum()
    return {"output": output[-1].detach(), "by x": by_x, "by the parameters": total.sqrt()}


@workload()
def plain(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module, x = block(submission, seed), (3 * normal(seed, 3, 5, 6) + 1).requires_grad_()
    return with_gradients(module, module(x), x)


@workload()
def padding(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Padding on the right, on the left, in between, and a row of nothing else."""
    module, x = block(submission, seed), normal(seed, 4, 5, 6).requires_grad_()
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]]).bool()
    return with_gradients(module, module(x, mask), x)


@workload()
def single_branches(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """The block in which attention, the feed-forward network, or both, add nothing."""
    results, x = {}, 2 * normal(seed, 3, 5, 6)
    for silent in (["out"], ["down"], ["out", "down"]):
        module = block(submission, seed)
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if name.split(".")[0] in silent:
                    parameter.zero_()
        results[f"without {' and '.join(silent)}"] = module(x)
    return results


@workload()
def dropping(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """In training, two constant branches: what can be added to x, whatever the coins say. At evaluation, everything."""
    module, x = block(submission, seed, dropout=0.5), normal(seed, 8, 16, 6).round(decimals=2)
    results = {"evaluation": module.eval()(x)}
    with torch.no_grad():
        for layer, bias in ((module.out, 1), (module.down, 4)):
            layer.weight.zero_(), layer.bias.fill_(bias)
    module.train()
    return results | {"added": torch.unique((module(x) - x).round(decimals=2))}


@workload()
def lengths_of_one(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    return {
        "a batch": block(submission, seed)(normal(seed, 1, 5, 6)),
        "a position": block(submission, seed)(normal(seed, 3, 1, 6)),
        "a head": block(submission, seed, heads=1)(normal(seed, 3, 5, 6)),
        "a feature each": block(submission, seed, heads=6)(normal(seed, 3, 5, 6)),
    }


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Other dtypes and layouts, and what is left of x afterwards. In half precision, the dtype alone is sure."""
    module, x, results = block(submission, seed), normal(seed, 3, 5, 6), {}
    for dtype in (torch.float16, torch.bfloat16):
        results[f"{dtype}"] = torch.tensor(module.to(dtype)(x.to(dtype)).dtype == dtype)
    results["double"] = block(submission, seed).double()(x.double())
    return results | {"strided": block(submission, seed)(scattered(x)), "x": x}


@workload()
def construction(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """The shapes of the parameters, and which sizes are refused."""
    build, results = submission.TransformerBlock, {}
    for call in ((6, 2), (6, 3, 5)):
        results |= {f"{call} {name}": torch.tensor(p.shape) for name, p in build(*call).named_parameters()}
    calls = [(6, 0), (6, -1), (5, 2), (6, 2, 5, -0.1), (6, 2, 5, 1.1), (6, 2, 5, 1.0), (6, 2, 5, 0.0)]
    return results | {"refused": torch.tensor([refuses(ValueError, build, *call) for call in calls])}
