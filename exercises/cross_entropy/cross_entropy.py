import torch
from jaxtyping import Float, Int
from torch import Tensor


def log_softmax(logits: Float[Tensor, "..."], dim: int = -1) -> Float[Tensor, "..."]:
    """The logarithm of the softmax of `logits` along `dim`, in the same shape and dtype."""
    raise NotImplementedError


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
    raise NotImplementedError


def cross_entropy_grad(logits: Float[Tensor, "n v"], targets: Int[Tensor, " n"]) -> Float[Tensor, "n v"]:
    """The gradient of `cross_entropy(logits, targets)` by `logits`, in closed form: (softmax - one-hot target) / rows.

    Targets of -100 are ignored: their rows are zero and do not count. Raises IndexError like `cross_entropy`.
    """
    raise NotImplementedError


def perplexity(mean_loss: float | Float[Tensor, "..."]) -> float | Float[Tensor, "..."]:
    """The exponential of a mean loss in nats, a float for a float, a tensor for a tensor; inf where it overflows."""
    raise NotImplementedError
