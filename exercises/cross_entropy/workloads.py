"""What the audit, the diagnosis and the clock ask of a submission.

Far from zero, float32 leaves right answers room to differ: x - logsumexp(x) loses digits that a shift keeps. There, the
workloads ask in float64, or with logits so far apart that nothing is left to round.
"""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.kit import Submission, gradients_along, normal, refuses, workload

IGNORED = -100


def classes(seed: int, n: int, v: int) -> Tensor:
    return torch.randint(v, (n,), generator=torch.Generator().manual_seed(seed))


def some_ignored(targets: Tensor, ignore_index: int = IGNORED) -> Tensor:
    """Every third target, the second one first, is ignored."""
    return torch.where(torch.arange(len(targets)) % 3 == 1, ignore_index, targets)


def far_apart(seed: int) -> Tensor:
    """Two rows of logits between -10,000 and 10,000, all at least 2,500 apart."""
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    return torch.linspace(-10_000, 10_000, 8)[torch.stack([order, order.flip(0)])]


@workload(beside=SimpleNamespace(cross_entropy=F.cross_entropy), time=1, memory=1, v=[400, 2_000, 10_000, 50_000])
def large_vocabulary(submission: Submission, seed: int, v: int) -> dict[str, Tensor]:
    """The one that is timed, backward included: a row repeated is cheap to make, so the clock sees little of randn."""
    logits, targets = normal(seed, v).repeat(128, 1).requires_grad_(), classes(seed, 128, v)
    loss = submission.cross_entropy(logits, targets)
    return {"loss": loss, "gradient": torch.autograd.grad(loss, logits)[0]}


@workload()
def log_probabilities(submission: Submission, seed: int) -> dict[str, Tensor]:
    x, direction = normal(seed, 3, 4, 5).requires_grad_(), normal(seed + 1, 3, 4, 5)
    found = {f"axis {dim}": submission.log_softmax(x, dim) for dim in (0, 1, -1, -2)}
    gradients = {f"gradient along {name}": gradients_along(direction, y, x)[0] for name, y in found.items()}
    return found | gradients | {"vector": submission.log_softmax(x[0, 0]), "last": submission.log_softmax(x), "input": x}


@workload()
def log_probabilities_of_unusual_logits(submission: Submission, seed: int) -> dict[str, Tensor]:
    x = normal(seed, 6, 10)
    views = {"strided": x.T[::2], "half": x.half(), "bfloat16": x.bfloat16(), "double": x.double(), "one class": x[:, :1]}
    views |= {"shifted": x.double() + 10_000, "lifted": x.double() - 10_000 * torch.arange(6)[:, None]}
    views |= {"far apart": far_apart(seed), "large vocabulary": torch.zeros(70_000).half()}
    return {name: submission.log_softmax(view) for name, view in views.items()}


@workload()
def reductions(submission: Submission, seed: int) -> dict[str, Tensor]:
    logits, targets = normal(seed, 7, 5).requires_grad_(), classes(seed, 7, 5)
    losses = {name: submission.cross_entropy(logits, targets, reduction=name) for name in ("mean", "sum", "none")}
    losses["default"] = submission.cross_entropy(logits, targets)
    return losses | {f"gradient of {name}": torch.autograd.grad(loss.sum(), logits)[0] for name, loss in losses.items()}


@workload()
def ignored_targets(submission: Submission, seed: int) -> dict[str, Tensor]:
    logits, targets = normal(seed, 7, 5).requires_grad_(), classes(seed, 7, 5)
    gaps, nothing = some_ignored(targets), torch.full((7,), IGNORED)
    return {
        "rows": submission.cross_entropy(logits, gaps, reduction="none"),
        "mean": submission.cross_entropy(logits, gaps),
        "a class": submission.cross_entropy(logits, some_ignored(targets, 2), ignore_index=2, reduction="none"),
        "another": submission.cross_entropy(logits, some_ignored(targets, -1), ignore_index=-1, reduction="none"),
        "nothing": submission.cross_entropy(logits, nothing),
        "its gradient": torch.autograd.grad(submission.cross_entropy(logits, nothing), logits)[0],
        "smoothed": submission.cross_entropy(logits, gaps, label_smoothing=0.25, reduction="none"),
    }


@workload()
def weights_and_smoothing(submission: Submission, seed: int) -> dict[str, Tensor]:
    logits, targets, weight = normal(seed, 7, 5).requires_grad_(), classes(seed, 7, 5), normal(seed + 1, 5).exp()
    every = submission.cross_entropy(logits, some_ignored(targets), weight, label_smoothing=0.25)
    return {
        "weighted rows": submission.cross_entropy(logits, targets, weight, reduction="none"),
        "weighted mean": submission.cross_entropy(logits, targets, weight),
        "smoothed rows": submission.cross_entropy(logits, targets, label_smoothing=0.25, reduction="none"),
        "both": submission.cross_entropy(logits, targets, weight, label_smoothing=0.25, reduction="none"),
        "every option": every,
        "its gradient": torch.autograd.grad(every, logits)[0],
    }


@workload()
def extreme_logits(submission: Submission, seed: int) -> dict[str, Tensor]:
    x, targets = normal(seed, 6, 10).double(), classes(seed, 6, 10)
    apart, wrong = far_apart(seed).requires_grad_(), far_apart(seed).argmin(-1)
    loss = submission.cross_entropy(apart, wrong, reduction="sum")
    return {
        "shifted": submission.cross_entropy(x + 10_000, targets),
        "lifted": submission.cross_entropy(x - 10_000 * torch.arange(6)[:, None], targets, reduction="none"),
        "loss": loss,
        "gradient": torch.autograd.grad(loss, apart)[0],
        "unlikely": submission.cross_entropy(x * 30, targets, reduction="none"),
        "smoothed": submission.cross_entropy(apart, wrong, label_smoothing=0.5),
        "large vocabulary": submission.cross_entropy(torch.zeros(1, 70_000).half(), torch.tensor([1])),
    }


@workload()
def unusual_tensors(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Other dtypes, views with gaps, one row, one class; and the arguments, which must come back as they were."""
    x, targets, weight = normal(seed, 10, 6), some_ignored(classes(seed, 6, 10)), normal(seed + 1, 20).exp()[::2]
    options = {"weight": weight, "label_smoothing": 0.25}
    found = {
        str(dtype): submission.cross_entropy(x.T.to(dtype), targets, weight.to(dtype), label_smoothing=0.25)
        for dtype in (torch.float64, torch.float16, torch.bfloat16)
    }
    found["strided"] = submission.cross_entropy(x.T[::2], targets[::2], **options)
    found["one row"] = submission.cross_entropy(x.T[:1], targets[:1], **options)
    found["one class"] = submission.cross_entropy(x[:, :1], torch.zeros(10, dtype=torch.long), reduction="none")
    return found | {"logits": x, "targets": targets, "weight": weight}


@workload()
def closed_form(submission: Submission, seed: int) -> dict[str, Tensor]:
    x, targets = normal(seed, 10, 6), classes(seed, 6, 10)
    gaps = some_ignored(targets)
    with torch.no_grad():
        without_graph = submission.cross_entropy_grad(x.T, targets)
    return {
        "without a graph": without_graph,
        "plain": submission.cross_entropy_grad(x.T, targets),
        "one row": submission.cross_entropy_grad(x.T[:1], targets[:1]),
        "gaps": submission.cross_entropy_grad(x.T[::2], gaps[::2]),
        "nothing": submission.cross_entropy_grad(x.T, torch.full((6,), IGNORED)),
        "far apart": submission.cross_entropy_grad(far_apart(seed), classes(seed, 2, 8)),
        "double": submission.cross_entropy_grad(x.T.double(), gaps),
        "bfloat16": submission.cross_entropy_grad(x.T.bfloat16(), gaps),
        "logits": x,
        "targets": gaps,
    }


@workload()
def perplexities(submission: Submission, seed: int) -> dict[str, Tensor]:
    losses = normal(seed, 3, 4).requires_grad_()
    of_losses = submission.perplexity(losses)
    return {
        "floats": torch.tensor([submission.perplexity(loss) for loss in (0.0, 2.5, 1e4)], dtype=torch.float64),
        "are floats": torch.tensor(isinstance(submission.perplexity(2.5), float)),
        "tensor": of_losses,
        "gradient": torch.autograd.grad(of_losses.sum(), losses)[0],
        "scalar": submission.perplexity(losses[0, 0]),
        "bfloat16": submission.perplexity(losses.bfloat16()),
        "input": losses,
    }


@workload()
def refusals(submission: Submission, seed: int) -> dict[str, Tensor]:
    x, targets = normal(seed, 3, 5), classes(seed, 3, 5)
    strays = [targets.index_fill(0, torch.tensor(seed % 3), stray) for stray in (5, 50, -1, -5, -101, IGNORED)]
    words = ("mean", "sum", "none", "average", "")
    reductions = [refuses(ValueError, submission.cross_entropy, x, targets, reduction=word) for word in words]
    return {
        "loss": torch.tensor([refuses(IndexError, submission.cross_entropy, x, stray) for stray in strays]),
        "ignoring -1": torch.tensor([refuses(IndexError, submission.cross_entropy, x, stray, None, -1) for stray in strays]),
        "gradient": torch.tensor([refuses(IndexError, submission.cross_entropy_grad, x, stray) for stray in strays]),
        "reduction": torch.tensor(reductions),
    }
