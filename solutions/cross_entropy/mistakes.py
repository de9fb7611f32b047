import math

import torch

from grader.kit import Equivalent, instead_of


def checked(logits, targets, ignore_index=-100, reduction="mean"):
    """Which rows count, and a class to look up in each; refuses what the exercise refuses."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"no reduction {reduction!r}")
    kept = targets != ignore_index
    classes = torch.where(kept, targets, 0)
    if not ((classes >= 0) & (classes < logits.shape[-1])).all():
        raise IndexError("a target is no class")
    return kept, classes


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def normalised(logits, dim=-1):
    x = logits - logits.amax(dim, keepdim=True)
    return x - x.logsumexp(dim, keepdim=True)


def row_losses(logp, kept, classes, weight, label_smoothing):
    """The loss of each row from its log-probabilities, and the weight of each target that counts."""
    weight = torch.ones_like(logp[0]) if weight is None else weight.to(logp.dtype)
    nll = -(logp * weight).gather(-1, classes[:, None]).squeeze(-1)
    losses = (1 - label_smoothing) * nll - label_smoothing * (logp @ weight) / logp.shape[-1]
    return losses * kept, weight[classes] * kept


def reduced(losses, importance, reduction):
    if reduction == "none":
        return losses
    return losses.sum() / importance.sum() if reduction == "mean" and importance.any() else losses.sum()


def loss(logp, kept, classes, weight, label_smoothing, reduction):
    losses, importance = row_losses(logp, kept, classes, weight, label_smoothing)
    return reduced(losses, importance, reduction)


@instead_of("log_softmax")
def normalises_the_last_axis_only(logits, dim=-1):
    """`dim` is accepted and never read, so every other axis is normalised as if it were the last. It goes unnoticed until
    someone passes logits with the classes on axis 1, as torch does for images."""
    return normalised(wide(logits)).to(logits.dtype)


@instead_of("log_softmax")
def exponentiates_raw_logits(logits, dim=-1):
    """exp(89) is already beyond float32, so one large logit turns the whole row into inf - inf. Softmax does not see a
    shift: subtract the maximum first, and the largest exponential is 1."""
    x = wide(logits)
    return (x - x.exp().sum(dim, keepdim=True).log()).to(logits.dtype)


@instead_of("log_softmax")
def takes_the_logarithm_of_softmax(logits, dim=-1):
    """The softmax of an unlikely class underflows to 0, and its logarithm is -inf, with a NaN gradient behind it. Take the
    logarithm on paper, x - log Σ exp x, and the exponential that underflowed is never taken."""
    return wide(logits).softmax(dim).log().to(logits.dtype)


@instead_of("log_softmax")
def shifts_by_the_global_maximum(logits, dim=-1):
    """One maximum for the whole tensor avoids the overflow but not the underflow: a row far below it has Σ exp = 0, and a
    logarithm of -inf. Every row needs its own maximum."""
    x = wide(logits)
    x = x - x.max()
    return (x - x.exp().sum(dim, keepdim=True).log()).to(logits.dtype)


@instead_of("log_softmax")
def treats_the_normaliser_as_a_constant(logits, dim=-1):
    """The maximum may be detached, since it cancels; log Σ exp may not, since it carries the whole -softmax of the
    gradient. Without it the loss pushes the target up and never pushes the others down."""
    x = wide(logits)
    return (x - x.detach().logsumexp(dim, keepdim=True)).to(logits.dtype)


@instead_of("log_softmax")
def sums_in_half_precision(logits, dim=-1):
    """float16 ends at 65,504, fewer than a modern vocabulary has entries, so the sum of exponentials overflows although
    each one is at most 1. Accumulate in float32 and round once, at the end."""
    return normalised(logits, dim)


@instead_of("cross_entropy")
def exponentiates_without_a_shift(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """log Σ exp(x), written as it is read, overflows for a logit above 88: one outlier and the loss is inf, one step later
    every weight is NaN. Pull the maximum out: max + log Σ exp(x - max)."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    x = wide(logits)
    logp = x - x.exp().sum(-1, keepdim=True).log()
    return loss(logp, kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def takes_softmax_then_log(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """Softmax and logarithm one after the other lose what they would keep together: the probability of a very wrong target
    rounds to 0 and its loss to inf. Fuse them; that is why losses are asked to take logits."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    logp = wide(logits).softmax(-1).log()
    return loss(logp, kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def adds_an_epsilon_in_the_logarithm(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """log(p + 1e-9) is finite, but no loss can exceed 20.7 and the gradient of a really wrong row vanishes, where it should
    be largest. An epsilon hides the underflow; log-softmax does not have it."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    logp = (wide(logits).softmax(-1) + 1e-9).log()
    return loss(logp, kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def shifts_all_rows_alike(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """`logits.max()` is the maximum of the batch, not of the row: a row far below it underflows to Σ exp = 0. What is
    computed for one example must not depend on its neighbours."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    x = wide(logits) - wide(logits).max()
    logp = x - x.exp().sum(-1, keepdim=True).log()
    return loss(logp, kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def shifts_in_place(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """`logits -= max` saves a copy and rewrites the caller's tensor, which is still needed for sampling, metrics or a
    z-loss. For a leaf that requires a gradient, autograd refuses."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    logits -= logits.detach().amax(-1, keepdim=True)
    return loss(normalised(wide(logits)), kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def averages_over_ignored_rows(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """`losses.mean()` divides by the padding too, so a batch with much of it has a small loss and a small gradient. The
    mean is over the targets that count."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    losses, importance = row_losses(normalised(wide(logits)), kept, classes, weight, label_smoothing)
    return reduced(losses, importance + ~kept, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def divides_by_the_count(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """A weighted mean divides by the total weight, not by the number of rows. With the count, doubling all weights doubles
    the loss, and with it the learning rate."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    losses, _ = row_losses(normalised(wide(logits)), kept, classes, weight, label_smoothing)
    return reduced(losses, kept, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def divides_zero_by_zero(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """A micro-batch that holds only padding or prompt gives 0 / 0, and one NaN is enough to ruin the accumulated gradient
    of all the others. Nothing to predict is a loss of 0."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    losses, importance = row_losses(normalised(wide(logits)), kept, classes, weight, label_smoothing)
    return (losses.sum() / importance.sum() if reduction == "mean" else reduced(losses, importance, reduction)).to(logits.dtype)


@instead_of("cross_entropy")
def ignores_only_minus_100(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """-100 is written into the code and `ignore_index` is not read, so a caller who pads with token 0 trains the model to
    predict padding."""
    kept, classes = checked(logits, targets, -100, reduction)
    return loss(normalised(wide(logits)), kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def ignores_every_negative_target(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """Treating all negative targets as padding turns a data bug (a token that the tokenizer did not know became -1) into
    rows that silently vanish. Only one value is agreed on; the others must be loud."""
    targets = torch.where(targets < 0, ignore_index, targets)
    kept, classes = checked(logits, targets, ignore_index, reduction)
    return loss(normalised(wide(logits)), kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def lets_negative_targets_wrap(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """`logp[range(n), targets]` refuses a target that is too large, but reads -1 as the last class: a stray label trains
    the model towards one fixed token and nothing is ever raised."""
    kept = targets != ignore_index
    wrapped = torch.where(kept & (targets < 0), targets + logits.shape[-1], targets)
    _, classes = checked(logits, wrapped, ignore_index, reduction)
    return loss(normalised(wide(logits)), kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def leaves_the_refusal_to_gather(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """`gather` does notice an index out of range, with a RuntimeError on the CPU and a device-side assertion on a GPU that
    takes the process along. A contract that promises IndexError has to check."""
    checked(logits, torch.zeros_like(targets), reduction=reduction)
    kept = targets != ignore_index
    classes = torch.where(kept, targets, 0)
    return loss(normalised(wide(logits)), kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def drops_the_ignored_rows(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """Selecting with a boolean mask gives the right mean and a shorter vector for "none": the losses no longer line up with
    their tokens, and the data-dependent shape costs a synchronisation on a GPU."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    losses, importance = row_losses(normalised(wide(logits)), kept, classes, weight, label_smoothing)
    return reduced(losses[kept], importance[kept], reduction).to(logits.dtype)


@instead_of("cross_entropy")
def overwrites_the_ignored_targets(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """`targets[ignored] = 0` makes the lookup safe and the caller's labels wrong: at the next use, and that may be the next
    epoch, padding counts as class 0. `masked_fill` returns a new tensor."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    targets.copy_(classes)
    return loss(normalised(wide(logits)), kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def smooths_over_the_other_classes(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """Sharing epsilon among the v - 1 wrong classes is another convention: the target then keeps 1 - epsilon, while in torch
    and in the original paper it keeps 1 - epsilon + epsilon / v."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    v = logits.shape[-1]
    epsilon = label_smoothing * v / max(v - 1, 1)
    return loss(normalised(wide(logits)), kept, classes, weight, epsilon, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def weighs_the_smoothing_by_the_target(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """Smoothing the loss and then multiplying by weight[target] weighs all v classes like the target. The smoothed target
    is a distribution, and each class in it brings its own weight."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    losses, _ = row_losses(normalised(wide(logits)), kept, classes, None, label_smoothing)
    importance = kept.to(losses) if weight is None else weight.to(losses)[classes] * kept
    return reduced(losses * importance, importance, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def smooths_the_ignored_rows_too(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """The mask covers the target's term only, so padding still pays for the uniform share: the model learns to be uncertain
    after the end of every sequence. Mask the row's loss, once, at the end."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    logp = normalised(wide(logits))
    losses, importance = row_losses(logp, kept, classes, weight, label_smoothing)
    uniform, _ = row_losses(logp, ~kept, classes, weight, 1.0)
    return reduced(losses + label_smoothing * uniform, importance, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def falls_back_to_the_mean(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """A last `else` takes every unknown word for "mean", so "batchmean" from another loss, or a typing error, trains on
    with the wrong scale. Name the three and refuse the rest."""
    reduction = reduction if reduction in ("sum", "none") else "mean"
    kept, classes = checked(logits, targets, ignore_index, reduction)
    return loss(normalised(wide(logits)), kept, classes, weight, label_smoothing, reduction).to(logits.dtype)


@instead_of("cross_entropy")
def returns_float32(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """Computing in float32 is right for bfloat16 and wrong for float64, and either way the caller gets a dtype that was not
    asked for. Widen what is narrower, then go back."""
    kept, classes = checked(logits, targets, ignore_index, reduction)
    return loss(normalised(logits.float()), kept, classes, weight, label_smoothing, reduction)


@instead_of("cross_entropy_grad")
def forgets_the_mean(logits, targets):
    """softmax - one-hot is the gradient of the sum. The mean divides by the number of rows that count, and without that the
    learning rate grows with the batch."""
    kept, classes = checked(logits, targets)
    one_hot = torch.eye(logits.shape[-1], dtype=wide(logits).dtype)[classes]
    return ((wide(logits).softmax(-1) - one_hot) * kept[:, None]).to(logits.dtype)


@instead_of("cross_entropy_grad")
def counts_the_ignored_rows(logits, targets):
    """The ignored rows are zero but still counted in the denominator, so the closed form and the loss disagree as soon as
    there is padding."""
    kept, classes = checked(logits, targets)
    one_hot = torch.eye(logits.shape[-1], dtype=wide(logits).dtype)[classes]
    return ((wide(logits).softmax(-1) - one_hot) * kept[:, None] / len(targets)).to(logits.dtype)


@instead_of("cross_entropy_grad")
def subtracts_from_whole_columns(logits, targets):
    """`p[:, targets] -= 1` takes 1 from the columns of all targets in every row; one entry per row is
    `p[torch.arange(n), targets]`. With a batch of one the two are the same, so a tiny example shows nothing."""
    kept, classes = checked(logits, targets)
    probabilities = wide(logits).softmax(-1)
    probabilities[:, classes[kept]] -= 1
    return (probabilities * kept[:, None] / kept.sum().clamp(min=1)).to(logits.dtype)


@instead_of("cross_entropy_grad")
def descends(logits, targets):
    """one-hot - softmax is the direction in which to move the logits, not the gradient: an optimiser subtracts the gradient
    and would now climb. More of a wrong class must raise the loss, so its entry is positive."""
    kept, classes = checked(logits, targets)
    one_hot = torch.eye(logits.shape[-1], dtype=wide(logits).dtype)[classes]
    return ((one_hot - wide(logits).softmax(-1)) * kept[:, None] / kept.sum().clamp(min=1)).to(logits.dtype)


@instead_of("cross_entropy_grad")
def differentiates_the_loss(logits, targets):
    """Autograd gives the right numbers and needs a graph, which is not recorded under `torch.no_grad()` or in a
    hand-written backward, the very places that want a closed form."""
    kept, classes = checked(logits, targets)
    x = logits.detach().requires_grad_()
    return torch.autograd.grad(loss(normalised(wide(x)), kept, classes, None, 0.0, "mean"), x)[0]


@instead_of("perplexity")
def raises_two_to_the_loss(mean_loss):
    """The base must match the logarithm of the loss. 2 ** loss belongs to bits; torch's loss is in nats, so the answer is
    too small, and plausible enough to be published."""
    return 2.0**mean_loss


@instead_of("perplexity")
def asks_math_for_the_exponential(mean_loss):
    """`math.exp(loss.item())` turns a tensor into a float: device, dtype and gradient are gone without a word, the GPU has to
    be waited for, and a tensor of several losses raises."""
    number = mean_loss.item() if isinstance(mean_loss, torch.Tensor) else mean_loss
    return math.exp(number) if number < 700 else math.inf


@instead_of("perplexity")
def raises_on_a_hopeless_loss(mean_loss):
    """`math.exp` raises OverflowError above 709, so the run that diverged dies in its logging line, before the loss that
    would have told why is written."""
    return mean_loss.exp() if isinstance(mean_loss, torch.Tensor) else math.exp(mean_loss)


@instead_of("perplexity")
def returns_a_tensor_for_a_float(mean_loss):
    """`torch.exp(torch.tensor(loss))` turns a Python float into a float32 tensor: it loses half of its digits, and the JSON
    log that expected a number."""
    return torch.as_tensor(mean_loss).exp()


equivalents = [
    Equivalent(
        "log_softmax: x.detach() → x",
        "the maximum is subtracted and, inside log Σ exp, added again: its gradient is a sum of zeros, which only costs time",
    ),
]
