"""What the audit, the diagnosis and the clock ask of a submission.

Two right answers draw different weights, so a new weight is described by rounded statistics, and every lookup is made in a
weight that the workload loads. Where ties could be broken in two ways, only the cosines are returned.
"""

from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor, nn

from grader.kit import Submission, gradients_along, normal, refuses, workload


def loaded(submission: Submission, weight: Tensor, padding_idx: int | None = None) -> nn.Module:
    """The submission's Embedding, holding `weight`."""
    module = submission.Embedding(*weight.shape, padding_idx=padding_idx).to(weight.dtype)
    with torch.no_grad():
        module.weight.copy_(weight)
    return module


def random_ids(seed: int, v: int, *shape: int) -> Tensor:
    return torch.randint(v, shape, generator=torch.Generator().manual_seed(seed))


@workload(beside=SimpleNamespace(Embedding=nn.Embedding), time=1, memory=1, tokens=[2**10, 2**12, 2**14, 2**16])
def forward_and_backward(submission: ModuleType, seed: int, tokens: int) -> dict[str, Tensor]:
    """A step's worth of tokens. Ids and gradient are short ones repeated, so that the clock sees lookups and not randn."""
    module = loaded(submission, normal(seed, 512, 32))
    ids = random_ids(seed, 512, 1, 256).repeat(tokens // 256, 1)
    rows = module(ids)
    (gradient,) = gradients_along(normal(seed + 1, 1, 256, 32).repeat(tokens // 256, 1, 1), rows, module.weight)
    return {"rows": rows, "gradient": gradient}


@workload(time=1, memory=1, rows=[2**10, 2**12, 2**14, 2**16])
def nearest_of_many(submission: ModuleType, seed: int, rows: int) -> dict[str, Tensor]:
    """One question to a table that grows. Its rows repeat, so the cosines tie and the indices are left aside."""
    return {"cosines": submission.most_similar(normal(seed, 256, 64).repeat(rows // 256, 1), 3, 10)[1]}


@workload()
def new_weight(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Statistics of 40,000 entries, rounded to where chance does not reach."""
    module, again = submission.Embedding(400, 100), submission.Embedding(400, 100)
    weight = module.weight.detach()
    statistics = torch.stack([weight.mean().abs(), weight.std(), (weight.abs() < weight.std()).float().mean()])
    padded = [submission.Embedding(5, 4, padding_idx=i).weight.detach() for i in (0, 3, -1)]
    return {
        "statistics": statistics.round(decimals=1),
        "anew": torch.tensor(not torch.equal(weight, again.weight)),
        "parameters": torch.tensor([parameter.numel() for parameter in module.parameters()]),
        "zero rows": torch.stack([(weight == 0).all(1) for weight in padded]),
    }


@workload()
def lookups(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Values and gradients, for every kind of padding."""
    weight, ids, direction = normal(seed, 5, 3), random_ids(seed, 5, 2, 3, 4), normal(seed, 2, 3, 4, 3)
    found = {}
    for padding_idx in (None, 0, 3, -1):
        module = loaded(submission, weight, padding_idx)
        rows = found[f"rows, padding {padding_idx}"] = module(ids)
        found[f"gradient, padding {padding_idx}"] = gradients_along(direction, rows, module.weight)[0]
    return found | {"ids": ids}


@workload()
def unusual_ids(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module, ids = loaded(submission, normal(seed, 5, 3)), random_ids(seed, 5, 4, 6)
    views = {"scalar": ids[0, 0], "one": ids[:1, :1], "empty": ids[:, :0], "strided": ids.T[::2], "int32": ids.int()}
    return {name: module(view) for name, view in views.items()}


@workload()
def unusual_dtypes(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Lookups, gradients and cosines. Each id comes at most twice, since long sums in half precision depend on their order."""
    found, ids = {}, torch.arange(10) % 5
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        weight, grad_output = normal(seed, 5, 3).to(dtype), normal(seed + 1, 10, 3).to(dtype)
        module = loaded(submission, weight)
        rows = found[f"rows, {dtype}"] = module(ids)
        found[f"gradient, {dtype}"] = gradients_along(grad_output, rows, module.weight)[0]
        found[f"embedding_grad, {dtype}"] = submission.embedding_grad(grad_output, ids, 5)
        found[f"cosines, {dtype}"] = submission.most_similar(weight, 2, 4)[1]
        found[f"zero rows, {dtype}"] = submission.most_similar(0 * weight, 2, 4)[1]
    return found


@workload()
def gradients_by_hand(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    grad_output, ids = normal(seed, 4, 6, 3), random_ids(seed, 5, 4, 6)
    found = {f"padding {i}": submission.embedding_grad(grad_output, ids, 5, padding_idx=i) for i in (None, 0, 3, -1)}
    views = {"scalar": (0, 0), "one": ([0], [0]), "empty": slice(0), "strided": slice(None, None, 2)}
    found |= {name: submission.embedding_grad(grad_output[view], ids[view], 5) for name, view in views.items()}
    turned = submission.embedding_grad(grad_output.transpose(0, 1), ids.T, 5)
    return found | {
        "turned": turned,
        "int32": submission.embedding_grad(grad_output, ids.int(), 5),
        "grad_output": grad_output,
        "ids": ids,
    }


@workload()
def similar(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Indices too: nine rows of random length, 1/3 radian apart and shuffled, have no ties seen from the first."""
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    weight = torch.stack([(order / 3).cos(), (order / 3).sin()], 1) * normal(seed, 9, 1).exp()
    indices, cosines = submission.most_similar(weight, int(order.argmin()), 8)
    _, of_view = submission.most_similar(normal(seed, 4, 6).T, 3, 2)
    return {"indices": indices, "cosines": cosines, "weight": weight, "of a view": of_view}


@workload()
def ties(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Parallel, opposite and zero rows: which of the others come first is open, the row itself never does."""
    parallel, opposite, sparse = torch.arange(1.0, 8).repeat(4, 1).T, torch.full((7, 1), -2.0), normal(seed, 7, 4)
    opposite[3] = 1
    sparse[[1, 5]] = 0
    return {
        "parallel": torch.tensor([i in submission.most_similar(parallel, i, 6)[0] for i in range(7)]),
        "opposite": submission.most_similar(opposite, 3, 6)[0].sort().values,
        "beside zero rows": submission.most_similar(sparse, 3, 6)[1],
        "of a zero row": submission.most_similar(sparse, 5, 6)[1],
    }


@workload()
def gradients_of_cosines(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Of all cosines, so that their order does not matter. A zero row's own gradient is open, as long as it is not NaN."""
    weight = normal(seed, 7, 4)
    weight[6] = 0
    plain, beside_zero = weight[:6].clone().requires_grad_(), weight.requires_grad_()
    of_plain = torch.autograd.grad(submission.most_similar(plain, 2, 5)[1].sum(), plain)[0]
    of_all = torch.autograd.grad(submission.most_similar(beside_zero, 2, 6)[1].sum(), beside_zero)[0]
    return {"plain": of_plain, "beside a zero row": of_all[:6], "NaN": of_all.isnan()}


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module, weight, ones = submission.Embedding(4, 3), normal(seed, 4, 3), torch.ones(2, 3)
    bad = [torch.tensor([0, i]) for i in (3, 4, 9, -1, -4, -5)]
    return {
        "ids": torch.tensor([refuses(IndexError, module, ids) for ids in bad]),
        "ids of gradients": torch.tensor([refuses(IndexError, submission.embedding_grad, ones, ids, 4) for ids in bad]),
        "floating ids": torch.tensor(refuses(TypeError, module, torch.ones(2))),
        "floating ids of gradients": torch.tensor(refuses(TypeError, submission.embedding_grad, ones, torch.ones(2), 4)),
        "index": torch.tensor([refuses(IndexError, submission.most_similar, weight, i, 1) for i in (0, 3, 4, 9, -1, -4, -5)]),
        "k": torch.tensor([refuses(ValueError, submission.most_similar, weight, 1, k) for k in (-1, 0, 1, 3, 4, 5)]),
    }
