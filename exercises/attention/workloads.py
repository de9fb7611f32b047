"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.kit import gradients, normal, quarters, workload


def inputs(seed: int, queries: int, keys: int, *leading: int, d_k: int = 8, d_v: int = 6) -> list[Tensor]:
    """Queries, keys and values that ask for gradients."""
    sizes = [(queries, d_k), (keys, d_k), (keys, d_v)]
    return [normal(seed + i, *leading, *size).requires_grad_() for i, size in enumerate(sizes)]


def with_gradients(output: Tensor, qkv: list[Tensor]) -> dict[str, Tensor]:
    q, k, v = gradients(output, *qkv)
    return {"output": output.detach(), "by q": q, "by k": k, "by v": v}


@workload(beside=SimpleNamespace(attention=F.scaled_dot_product_attention), time=2, memory=2, positions=[128, 256, 512, 1024])
def causal_training(submission: ModuleType, seed: int, positions: int) -> dict[str, Tensor]:
    """The one that is timed: two causal heads of 64, forward and backward."""
    qkv = inputs(seed, positions, positions, 1, 2, d_k=64, d_v=64)
    return with_gradients(submission.attention(*qkv, is_causal=True), qkv)


@workload()
def plain(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    qkv = inputs(seed, 5, 7)
    return with_gradients(submission.attention(*qkv), qkv)


@workload()
def masked(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    qkv = inputs(seed, 5, 7, 2, 3)
    mask = normal(seed + 3, 2, 3, 5, 7) > -0.3
    mask[..., 0] = True
    return with_gradients(submission.attention(*qkv, mask), qkv)


@workload()
def masks_that_broadcast(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    q, k, v = inputs(seed, 5, 7, 2, 3)
    shapes = [(), (7,), (5, 1), (1, 7), (3, 1, 7), (2, 1, 1, 7), (2, 1, 5, 7)]
    return {str(shape): submission.attention(q, k, v, normal(seed + 3, *shape) > -0.3) for shape in shapes}


@workload()
def mask_and_order(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    qkv = inputs(seed, 6, 6)
    mask = normal(seed + 3, 6, 6) > -0.3
    mask[:, 0] = True
    before = mask.clone()
    result = with_gradients(submission.attention(*qkv, mask, is_causal=True), qkv)
    later = submission.attention(*qkv, torch.ones(6, 6, dtype=torch.bool).triu(1), is_causal=True)
    return result | {"nothing but the future": later, "mask changed by": mask ^ before}


@workload()
def nothing_to_attend_to(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    qkv = inputs(seed, 5, 7)
    mask = normal(seed + 3, 5, 7) > 0
    mask[0], mask[1:, 0] = False, True
    return with_gradients(submission.attention(*qkv, mask), qkv)


@workload()
def long(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    q, k, v = inputs(seed, 300, 300, 2)
    mask = normal(seed + 3, 290, 300) > 0
    return {
        "plain": submission.attention(3 * q[:, :290], k, v),
        "masked": submission.attention(q[:, :290], k, v, mask),
        "causal": submission.attention(q, k, v, is_causal=True),
    }


@workload()
def extreme_scores(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Scores that differ by thousands from query to query or under the mask; in multiples of 1/16, which float32 holds."""
    k, v, q = quarters(seed, 5, 16), quarters(seed + 1, 5, 3), torch.eye(2, 16)
    far = torch.cat([k[:, :1] + 2000, k[:, 1:]], dim=-1)
    one = torch.arange(5) == 2
    above = torch.where(one[:, None], 4000.0, k)
    fits = torch.full((1, 32), 64.0).half()
    return {
        "large": submission.attention(q[:1], far, v),
        "apart": submission.attention(q, far, v),
        "a masked one above": submission.attention(q, above, v, ~one),
        "all below": submission.attention(q.abs() + 1, torch.full_like(k, -1e6), v, one),
        "float16": submission.attention(fits, torch.cat([fits, -fits]), v[:2].half()),
    }


@workload()
def leading_axes(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    shapes = [(2, 1, 5, 4), (3, 7, 4), (2, 1, 7, 6)]
    qkv = [normal(seed + i, *shape).requires_grad_() for i, shape in enumerate(shapes)]
    large = submission.attention(*inputs(seed, 3, 4, 150))
    ones = submission.attention(*inputs(seed, 1, 1, 1, 1))
    return with_gradients(submission.attention(*qkv), qkv) | {"large": large, "ones": ones}


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Other dtypes and layouts, and what is left of the arguments afterwards."""
    q, k, v = (x.detach() for x in inputs(seed, 6, 6, 2, 3))
    mask = normal(seed + 3, 6, 6) > 0
    found = {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        halves = (q / 2).to(dtype), (k / 2).to(dtype), v.to(dtype)
        found[f"{dtype}"] = submission.attention(*halves)
        found[f"{dtype} masked"] = submission.attention(*halves, mask, is_causal=True)
    found["precision"] = submission.attention(8 * q.double(), k.double(), 8 * v.double())
    views = [x.transpose(1, 2).contiguous().transpose(1, 2)[..., ::2] for x in (q, k, v)]
    found["strided"] = submission.attention(*views)
    submission.attention(q, k, v)
    return found | {"q": q, "k": k, "v": v}
