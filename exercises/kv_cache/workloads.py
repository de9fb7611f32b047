"""What the audit, the diagnosis and the clock ask of a submission."""

from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.kit import normal, refuses, scattered, workload

STEPS = 16  # tokens that are decoded under the clock


class Concatenated:
    """What code without a cache of its own does: two tensors that `torch.cat` makes anew at every step."""

    def __init__(self, batch: int, heads: int, capacity: int, d_k: int) -> None:
        self.k = self.v = torch.empty(batch, heads, 0, d_k)

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        self.k, self.v = torch.cat([self.k, k], 2), torch.cat([self.v, v], 2)
        return self.k, self.v


def torch_attention(q: Tensor, k: Tensor, v: Tensor, cache: Concatenated) -> Tensor:
    return F.scaled_dot_product_attention(q, *cache.append(k, v))


def inputs(seed: int, positions: int, batch: int = 3, heads: int = 2) -> list[Tensor]:
    return [normal(seed + i, batch, heads, positions, width) for i, width in enumerate([8, 8, 6])]


def cache_for(submission: ModuleType, capacity: int, dtype: torch.dtype = torch.float32) -> object:
    return submission.KVCache(3, 2, capacity, 8, 6, dtype=dtype)


def decoded(submission: ModuleType, qkv: list[Tensor], lengths: list[int], cache: object) -> Tensor:
    pieces = zip(*(x.split(lengths, 2) for x in qkv), strict=True)
    return torch.cat([submission.cached_attention(*piece, cache) for piece in pieces], 2)


def contents(cache: object) -> dict[str, Tensor]:
    k, v = cache.append(torch.empty(3, 2, 0, 8), torch.empty(3, 2, 0, 6))
    return {"k": k.clone(), "v": v.clone(), "length": torch.tensor(len(cache))}


@workload(beside=SimpleNamespace(KVCache=Concatenated, cached_attention=torch_attention), time=1, memory=1,
          cached=[128, 256, 512, 1024])  # fmt: skip
def decoding(submission: ModuleType, seed: int, cached: int) -> dict[str, Tensor]:
    """The one that is timed: a few tokens, one by one, after many that are cached; four sequences, eight heads of 64."""
    one = normal(seed, 1, 8, STEPS, 64)
    many = one[:, :, :1] * torch.linspace(-1, 1, cached)[:, None]  # one position, scaled: cheap to make
    cache = submission.KVCache(4, 8, cached + STEPS, 64)
    cache.append(many.expand(4, -1, -1, -1), many.expand(4, -1, -1, -1))
    steps = one.expand(4, -1, -1, -1).split(1, 2)
    return {"outputs": torch.cat([submission.cached_attention(step, step, step, cache) for step in steps], 2)}


@workload()
def pieces(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    results = {}
    for lengths in ([9], [1] * 9, [4, 1, 4], [0, 3, 0, 6], [2, 2, 2, 2, 1], [0]):
        cache = cache_for(submission, 12)
        results[str(lengths)] = decoded(submission, inputs(seed, sum(lengths)), lengths, cache)
        results |= {f"{lengths} {name}": value for name, value in contents(cache).items()}
    return results


@workload()
def memory(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Where the keys and values of later appends lie, and what is left in the cache when the caller writes into his own."""
    _, k, v = inputs(seed, 2)
    cache = cache_for(submission, 8)
    places = [[x.data_ptr() for x in cache.append(k, v)] for _ in range(3)]
    k.zero_(), v.zero_()
    return contents(cache) | {"moved": torch.tensor([place != places[0] for place in places])}


@workload()
def taken_back(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    results, (q, k, v) = {}, inputs(seed, 6)
    for length in (0, 2, 6):
        cache = cache_for(submission, 12)
        cache.append(k, v)
        cache.truncate(length)
        results[f"{length} after"] = submission.cached_attention(q + 1, k + 1, v + 1, cache)
        results |= {f"{length} {name}": value for name, value in contents(cache).items()}
    return results


@workload()
def new_rows(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    results, (q, k, v) = {}, inputs(seed, 4)
    for rows in ([1, 2, 0], [0, 0, 1], [2, 2, 2]):
        cache = cache_for(submission, 8)
        cache.append(k, v)
        cache.reorder(torch.tensor(rows))
        results[f"{rows} after"] = submission.cached_attention(q, k, v, cache)
        results |= {f"{rows} {name}": value for name, value in contents(cache).items()}
    return results


@workload()
def refusals(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """What is refused, and what the cache holds after each refusal."""
    _, k, v = inputs(seed, 3)
    cache = cache_for(submission, 4)
    cache.append(k, v)
    misfits = {
        "too many": (k, v), "one row": (k[:1, :, :1], v[:, :, :1]), "one row of values": (k[:, :, :1], v[:1, :, :1]),
        "one head": (k[:, :1, :1], v[:, :, :1]), "narrow": (k[:, :, :1, :1], v[:, :, :1]),
        "narrow values": (k[:, :, :1], v[:, :, :1, :1]), "more values": (k[:, :, :0], v[:, :, :1]),
        "double": (k[:, :, :1].double(), v[:, :, :1]), "half": (k[:, :, :1], v[:, :, :1].half()),
    }  # fmt: skip
    results = {}
    for name, call in misfits.items():
        results[name] = torch.tensor(refuses(ValueError, cache.append, *call))
        results |= {f"{name} {part}": value for part, value in contents(cache).items()}
    results["truncate"] = torch.tensor([refuses(ValueError, cache.truncate, length) for length in (-1, 4, 3, 0)])
    return results


@workload()
def unusual_tensors(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Other dtypes and layouts, arguments with a history, and what is left of the arguments."""
    results = {}
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        qkv = [x.to(dtype) for x in inputs(seed, 6)]
        results[f"{dtype}"] = decoded(submission, qkv, [3, 1, 2], cache_for(submission, 6, dtype))
    views = [scattered(x) for x in inputs(seed, 6)]
    results["strided"] = decoded(submission, views, [3, 1, 2], cache_for(submission, 6))
    learning, cache = [x.requires_grad_() for x in inputs(seed, 6)], cache_for(submission, 12)
    found = [submission.cached_attention(*learning, cache), *cache.append(*learning[1:])]
    results["history"] = torch.tensor([x.requires_grad for x in found])
    return results | dict(zip("qkv", views, strict=True))
