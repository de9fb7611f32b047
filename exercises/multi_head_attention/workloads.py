"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from grader.kit import filled, gradients, normal, refuses, scattered, workload


class TorchAttention(nn.Module):
    """torch's own operator, with the parameters of the exercise; it wants positions first, and True for what is hidden."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, x: Tensor, is_causal: bool) -> Tensor:
        sequence, length, width = x.transpose(0, 1), x.shape[1], x.shape[2]
        output, _ = F.multi_head_attention_forward(
            sequence, sequence, sequence, width, self.heads, None, torch.cat([self.q.bias, self.k.bias, self.v.bias]),
            None, None, False, 0.0, self.out.weight, self.out.bias, need_weights=False,
            attn_mask=torch.ones(length, length, dtype=torch.bool).triu(1), use_separate_proj_weight=True,
            q_proj_weight=self.q.weight, k_proj_weight=self.k.weight, v_proj_weight=self.v.weight, is_causal=is_causal,
        )  # fmt: skip
        return output.transpose(0, 1)


def layer(submission: ModuleType, seed: int, heads: int = 3) -> nn.Module:
    """One in which no two widths are equal."""
    return filled(submission.MultiHeadAttention(4, heads, 6, d_k=3, d_v=2), seed)


def inputs(seed: int, batch: int = 3, queries: int = 5, keys: int = 7) -> list[Tensor]:
    return [normal(seed, batch, queries, 4), normal(seed + 1, batch, keys, 6)]


def with_gradients(module: nn.Module, output: Tensor, *tensors: Tensor) -> dict[str, Tensor]:
    named = {f"input {number}": tensor for number, tensor in enumerate(tensors)} | dict(module.named_parameters())
    found = gradients(output, *named.values())
    return {"output": output.detach()} | {f"by {name}": g for name, g in zip(named, found, strict=True)}


@workload(beside=SimpleNamespace(MultiHeadAttention=TorchAttention), time=1, memory=1, batch=[2, 4, 8, 16])
def causal_training(submission: ModuleType, seed: int, batch: int) -> dict[str, Tensor]:
    """The one that is timed: four causal heads of 32 over 128 positions, forward and backward."""
    module = filled(submission.MultiHeadAttention(128, 4), seed, scale=0.06)
    x = normal(seed, 1, 128, 128).requires_grad_()
    output = module(x.repeat(batch, 1, 1), is_causal=True)  # one sequence repeated: cheap to make
    by_x, *others = gradients(output, x, *module.parameters())
    total = torch.stack([gradient.double().square().sum() for gradient in others]).sum()
    return {"output": output[-1].detach(), "by x": by_x, "by the parameters": total.sqrt()}


@workload()
def cross_attention(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module, (x, context) = layer(submission, seed), inputs(seed)
    return with_gradients(module, module(x.requires_grad_(), context.requires_grad_()), x, context)


@workload()
def self_attention(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module = filled(submission.MultiHeadAttention(6, 3), seed)
    x, mask = normal(seed, 3, 5, 6).requires_grad_(), normal(seed + 1, 3, 5, 5) > -0.5
    results = with_gradients(module, module(x), x)
    results["masked"] = module(x, mask=mask | torch.eye(5, dtype=torch.bool))
    results["both"] = module(x, mask=mask | torch.eye(5, dtype=torch.bool), is_causal=True)
    return results


@workload()
def masks(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Masks of every form that broadcasts, in a batch that is as large as there are heads, and in one that is not."""
    results = {}
    for batch in (2, 3):
        module, (x, context) = layer(submission, seed), inputs(seed, batch)
        for shape in [(), (7,), (5, 1), (5, 7), (1, 5, 7), (batch, 1, 7), (batch, 5, 1), (batch, 5, 7)]:
            results[f"{batch}: {shape}"] = module(x, context, normal(seed + 2, *shape) > -0.3)
    return results


@workload()
def nothing_to_read(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module, (x, context) = layer(submission, seed), inputs(seed)
    mask = normal(seed + 2, 3, 5, 7) > 0
    mask[:, 0] = False
    return with_gradients(module, module(x.requires_grad_(), context.requires_grad_(), mask), x, context)


@workload()
def lengths_of_one(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    one = filled(submission.MultiHeadAttention(1, 1), seed)
    return {
        "everything": one(normal(seed, 1, 1, 1)),
        "a batch": layer(submission, seed)(*inputs(seed, batch=1)),
        "a head": layer(submission, seed, heads=1)(*inputs(seed)),
        "a query": layer(submission, seed)(*inputs(seed, queries=1)),
        "a key": layer(submission, seed)(*inputs(seed, keys=1)),
    }


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Other dtypes and layouts, and what is left of the arguments afterwards."""
    results, (x, context) = {}, inputs(seed, keys=5)
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        results[f"{dtype}"] = layer(submission, seed).to(dtype)(x.to(dtype), context.to(dtype))
    results["strided"] = layer(submission, seed)(scattered(x), scattered(context))
    mask = normal(seed + 2, 5, 5) > 0
    layer(submission, seed)(x, context, mask, is_causal=True)
    return results | {"x": x, "context": context, "mask": mask}


@workload()
def construction(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """The shapes of the parameters, and which sizes are refused."""
    build, results = submission.MultiHeadAttention, {}
    for call in [(6, 2), (6, 2, 5), (6, 2, None, 4), (6, 2, None, None, 1), (5, 2, 3, 4, 1)]:
        results |= {f"{call} {name}": torch.tensor(p.shape) for name, p in build(*call).named_parameters()}
    calls = [(6, 0), (6, -1), (5, 2), (5, 2, None, 3), (5, 2, None, None, 3), (5, 2, None, 3, 3), (4, 4)]
    return results | {"refused": torch.tensor([refuses(ValueError, build, *call) for call in calls])}
