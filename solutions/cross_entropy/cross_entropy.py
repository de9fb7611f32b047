import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx, once_differentiable


def log_softmax(logits: Float[Tensor, "..."], dim: int = -1) -> Float[Tensor, "..."]:
    """The logarithm of the softmax of `logits` along `dim`, in the same shape and dtype."""
    x = _accurate(logits)
    # `x - x.logsumexp(...)` would be right too, but float32 is spaced by 1e-3 near 1e4: shifted first, small answers keep
    # their digits. Detached, since the maximum cancels: its gradient is a sum of zeros that would cost two passes.
    shifted = x - x.detach().amax(dim, keepdim=True)
    return (shifted - shifted.exp().sum(dim, keepdim=True).log()).to(logits.dtype)


def cross_entropy(
    logits: Float[Tensor, "n v"],
    targets: Int[Tensor, " n"],
    weight: Float[Tensor, " v"] | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Float[Tensor, ""] | Float[Tensor, " n"]:
    """The cross-entropy between softmax(logits) and the classes `targets`, in the dtype of `logits`.

    A row costs `weight[target]` times its negative log-likelihood, or nothing if its target is `ignore_index`. Smoothing
    moves the share `label_smoothing` of every target evenly onto all v classes, each at its own weight. `reduction` is
    "none" (a loss per row), "sum", or "mean": the sum divided by the weights of the targets that count; 0 if none does.
    Raises ValueError for another reduction, IndexError for a target that is neither a class nor `ignore_index`.
    Source: Szegedy et al. 2016 (smoothing); torch.nn.functional.cross_entropy (normalisation).
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    kept, classes = _kept_and_classes(logits, targets, ignore_index)
    x = _accurate(logits)
    weight = x.new_ones(x.shape[1]) if weight is None else weight.to(x.dtype)
    importance = weight[classes] * kept
    nll = _NegativeLogLikelihood.apply(x, classes)
    losses = nll * importance
    if label_smoothing:
        # Each class c costs log Z - x_c, which is the nll plus x_target - x_c: no second pass of exponentials.
        gaps = x.gather(1, classes[:, None]) - x
        uniform = (gaps @ weight / x.shape[1] + nll * weight.mean()) * kept
        losses = (1 - label_smoothing) * losses + label_smoothing * uniform
    if reduction == "none":
        return losses.to(logits.dtype)
    total, divisor = losses.sum(), importance.sum()
    if reduction == "mean" and divisor > 0:  # a batch of padding only has a loss of 0 and no gradient, not 0 / 0
        total = total / divisor
    return total.to(logits.dtype)


def cross_entropy_grad(logits: Float[Tensor, "n v"], targets: Int[Tensor, " n"]) -> Float[Tensor, "n v"]:
    """The gradient of `cross_entropy(logits, targets)` by `logits`, in closed form: (softmax - one-hot target) / rows.

    Targets of -100 are ignored: their rows are zero and do not count. Raises IndexError like `cross_entropy`.
    """
    kept, classes = _kept_and_classes(logits, targets, ignore_index=-100)
    probabilities = _accurate(logits).softmax(1)
    return _softmax_minus_target(probabilities, classes, kept.to(probabilities) / kept.sum().clamp(min=1)).to(logits.dtype)


def perplexity(mean_loss: float | Float[Tensor, "..."]) -> float | Float[Tensor, "..."]:
    """The exponential of a mean loss in nats, a float for a float, a tensor for a tensor; inf where it overflows."""
    if isinstance(mean_loss, Tensor):
        return mean_loss.exp()
    return torch.tensor(mean_loss, dtype=torch.float64).exp().item()  # math.exp raises OverflowError above 709


class _NegativeLogLikelihood(Function):
    """-log softmax(x)[class] per row. Autograd would keep several n × v tensors and fill another with zeros for the one
    entry that was picked; the closed form needs the probabilities and nothing else, which at 50,000 classes is the speed."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Float[Tensor, "n v"], classes: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        probabilities = x.softmax(1)
        ctx.save_for_backward(probabilities, classes)
        # The likeliest class has probability exp(0) / Σ exp(x - max x). That is at least 1 / v, so its logarithm is safe
        # where that of the target's own probability is not; the way from there to the target is a difference of logits.
        gap = x.amax(1) - x.gather(1, classes[:, None]).squeeze(1)
        return gap - probabilities.amax(1).log()

    @staticmethod
    @once_differentiable  # the probabilities are saved as numbers: a second derivative would be wrong, so it raises
    def backward(ctx: FunctionCtx, gradient: Float[Tensor, " n"]) -> tuple[Float[Tensor, "n v"], None]:
        return _softmax_minus_target(*ctx.saved_tensors, gradient), None


def _softmax_minus_target(
    probabilities: Float[Tensor, "n v"], classes: Int[Tensor, " n"], scale: Float[Tensor, " n"]
) -> Float[Tensor, "n v"]:
    """(softmax - one-hot) * scale, row by row, without a one-hot tensor."""
    scale = scale[:, None]
    return (probabilities * scale).scatter_add_(1, classes[:, None], -scale)


def _kept_and_classes(
    logits: Float[Tensor, "n v"], targets: Int[Tensor, " n"], ignore_index: int
) -> tuple[Bool[Tensor, " n"], Int[Tensor, " n"]]:
    """Which rows count, and a class to look up in each: 0, which every vocabulary has, in those that do not."""
    kept = targets != ignore_index
    classes = targets.masked_fill(~kept, 0)
    if ((classes < 0) | (classes >= logits.shape[1])).any():  # said here: indexing would let -1 mean the last class
        raise IndexError(f"targets must lie in 0 … {logits.shape[1] - 1} or be {ignore_index}")
    return kept, classes


def _accurate(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Half precision in float32: a float16 sum over a large vocabulary overflows at 65,504."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
