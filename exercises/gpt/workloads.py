"""What the audit, the diagnosis and the clock ask of a submission."""

import math
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from exercises.gpt.given import Block, Config
from grader.kit import filled, gradients, normal, quarters, refuses, workload

SMALL = Config(vocab=11, context=6, layers=2, heads=2, width=4)
FRESH = Config(vocab=97, context=16, layers=3, heads=2, width=64)


class TorchGPT(nn.Module):
    """The same of torch's own modules: an encoder of the given blocks, which is a decoder under its causal mask."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(config.vocab, config.width), nn.Embedding(config.context, config.width)
        self.blocks = nn.TransformerEncoder(Block(config), config.layers, nn.LayerNorm(config.width), False).layers
        self.norm = nn.LayerNorm(config.width)

    def loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        x = nn.Sequential(*self.blocks)(self.embedding(ids) + self.position.weight[: ids.shape[1]])
        return F.cross_entropy(F.linear(self.norm(x), self.embedding.weight).flatten(0, 1), targets.flatten())


def tokens(seed: int, *shape: int, vocab: int = 11) -> Tensor:
    """Ids, each the last whole number below a scaled normal number, wrapped around."""
    return (5 * normal(seed, *shape)).floor().long() % vocab


def prepared(module: nn.Module, seed: int, scale: float) -> nn.Module:
    """The module filled, its embedding whatever second name the tensor has."""
    filled(module, seed, scale)
    embedding = by_name(module)["embedding.weight"]
    with torch.no_grad():
        embedding.copy_(scale * quarters(seed, *embedding.shape))
    return module


def model(submission: ModuleType, seed: int, scale: float = 0.25, **changes: float) -> nn.Module:
    return prepared(submission.GPT(replace(SMALL, **changes)), seed, scale)


def by_name(module: nn.Module) -> dict[str, Tensor]:
    """The parameters under the names that were agreed, without a second name of a tied one."""
    named = dict(module.named_parameters(remove_duplicate=False))
    return {name: p for name, p in named.items() if name.split(".")[0] in ("embedding", "position", "blocks", "norm")}


@workload(beside=SimpleNamespace(GPT=TorchGPT), time=1, memory=1, batch=[2, 4, 8, 16])
def training_step(submission: ModuleType, seed: int, batch: int) -> dict[str, Tensor]:
    """The one that is timed: loss and gradients of two layers, 64 tokens in a row, a vocabulary of 512."""
    module = prepared(submission.GPT(Config(vocab=512, context=64)), seed, scale=0.06)
    ids = tokens(seed, batch, 65, vocab=512)
    loss = module.loss(ids[:, :-1], ids[:, 1:])
    found = gradients(loss, *by_name(module).values())
    return {"loss": loss.detach(), "gradient": torch.stack([g.double().square().sum() for g in found]).sum().sqrt()}


@workload()
def logits_and_gradients(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module, ids, targets = model(submission, seed), tokens(seed, 3, 5), tokens(seed + 1, 3, 5)
    named = by_name(module)
    found = gradients(module.loss(ids, targets), *named.values())
    results = {f"by {name}": g for name, g in zip(named, found, strict=True)}
    return results | {"logits": module(ids), "number": torch.tensor(len(list(module.parameters())))}


@workload()
def losses(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    module, ids, targets = model(submission, seed), tokens(seed, 3, 5), tokens(seed + 1, 3, 5)
    ragged = targets.masked_fill(torch.arange(5) >= torch.tensor([[5], [2], [1]]), -100)
    single = module.loss(ids[:1, :1], targets[:1, :1])
    return {"all": module.loss(ids, targets), "some": module.loss(ids, ragged), "single": single}


@workload()
def start(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Standard deviations in units of what they should be, in quarters; the single axes; the first loss above ln vocab."""
    module = submission.GPT(FRESH)
    results = {}
    for name, p in by_name(module).items():
        writes = name.endswith(("out_proj.weight", "linear2.weight"))
        results[name] = (4 * p.std() / (0.02 / 6**0.5 if writes else 0.02)).round() if p.ndim == 2 else p
    ids, targets = tokens(seed, 8, 16, vocab=97), tokens(seed + 1, 8, 16, vocab=97)
    results["first loss"] = (module.loss(ids, targets) - math.log(97)).abs().mul(4).round()
    return results | {"tied": torch.tensor(len(list(module.parameters())) == len(results) - 1)}


@workload()
def generation(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    results = {}
    for time, new in ((1, 3), (4, 5), (6, 2), (2, 0), (8, 3)):
        module, ids = model(submission, seed, scale=1.0, dropout=0.5), tokens(seed, 3, time)  # large: texts that vary
        results[f"{time} + {new}"] = module.generate(ids, new)
        results[f"{time} + {new}, modes"] = torch.tensor([part.training for part in module.modules()]).unique()
        results[f"{time} + {new}, ids"] = ids
    return results | {"at evaluation": torch.tensor([module.eval().generate(ids, 1).shape[1], module.training])}


@workload()
def edges(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Lengths of one, other dtypes, dropout that leaves nothing, and sequences that are too long."""
    module = model(submission, seed)
    silent = model(submission, seed, dropout=1.0).train()(tokens(seed, 3, 5))
    too_long = [refuses(ValueError, module, tokens(seed, 2, time)) for time in (5, 6, 7, 12)]
    return {
        "one": module(tokens(seed, 1, 1)),
        "double": model(submission, seed).double()(tokens(seed, 3, 6)),
        "bfloat16": torch.tensor(model(submission, seed).bfloat16()(tokens(seed, 3, 6)).dtype == torch.bfloat16),
        "nothing": silent,
        "refused": torch.tensor(too_long),
    }
