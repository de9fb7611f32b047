import math

import torch

from grader.kit import Equivalent, instead_of


def check(temperature):
    if not 0 < temperature < math.inf:
        raise ValueError(temperature)


def wide(x):
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def weighed(x, dim, temperature):
    """The exponentials, the largest of a slice 1."""
    x = wide(x)
    return ((x - x.detach().amax(dim, keepdim=True).clamp(min=torch.finfo(x.dtype).min)) / temperature).exp()


def right(x, dim, temperature):
    weights = weighed(x, dim, temperature)
    return (weights / weights.sum(dim, keepdim=True).clamp(min=1)).to(x.dtype)


@instead_of("softmax")
def exponentiates_as_it_stands(x, dim=-1, temperature=1.0):
    """exp overflows in float32 at 89, and infinity over infinity is NaN. Subtract the maximum first: the ratio is the same,
    and the largest exponential is 1."""
    check(temperature)
    weights = (wide(x) / temperature).exp()
    total = weights.sum(dim, keepdim=True)
    return (weights / torch.where(total == 0, 1, total)).to(x.dtype)


@instead_of("softmax")
def subtracts_one_maximum_from_all(x, dim=-1, temperature=1.0):
    """One maximum for the whole tensor prevents overflow but not underflow: a slice that lies far below it gets only zeros.
    A constant cancels within a slice, so each slice takes its own."""
    check(temperature)
    top = wide(x).detach().amax().clamp(min=torch.finfo(torch.float32).min) if x.numel() else 0.0
    weights = ((wide(x) - top) / temperature).exp()
    total = weights.sum(dim, keepdim=True)
    return (weights / torch.where(total == 0, 1, total)).to(x.dtype)


@instead_of("softmax")
def divides_before_it_subtracts(x, dim=-1, temperature=1.0):
    """At a low temperature x / temperature overflows where the softmax itself is plain, and then infinity minus infinity is
    NaN. Subtract first: what is divided is then at most zero, and may become as negative as it likes."""
    check(temperature)
    return right(x / temperature, dim, 1.0)


@instead_of("softmax")
def multiplies_by_the_temperature(x, dim=-1, temperature=1.0):
    """This takes the inverse temperature, the β of physics. Heat should flatten: as the temperature grows, all shares should
    become alike."""
    check(temperature)
    return right(x, dim, 1 / temperature)


@instead_of("softmax")
def cools_the_shares(x, dim=-1, temperature=1.0):
    """The temperature divides the finished shares, so they no longer sum to one and their ratios are what they were. It
    belongs into the exponent, where it changes ratios."""
    check(temperature)
    return right(x, dim, 1.0) / temperature


@instead_of("softmax")
def runs_along_the_last_axis(x, dim=-1, temperature=1.0):
    """`dim` is accepted and never read. As long as every caller means the last axis nobody notices, and then a model
    normalizes over its batch or its heads."""
    check(temperature)
    return right(x, -1, temperature)


@instead_of("softmax")
def sums_over_everything(x, dim=-1, temperature=1.0):
    """`sum()` without an axis makes one distribution of the whole tensor: with a batch of one it is right, with a batch of
    eight each slice holds about an eighth."""
    check(temperature)
    weights = weighed(x, dim, temperature)
    return (weights / weights.sum().clamp(min=1)).to(x.dtype)


@instead_of("softmax")
def is_nan_where_nothing_is_possible(x, dim=-1, temperature=1.0):
    """-inf minus the maximum -inf is NaN. One padded row in a batch is enough: its NaN reaches the loss, and with it every
    weight of the model."""
    check(temperature)
    wider = wide(x)
    weights = ((wider - wider.detach().amax(dim, keepdim=True)) / temperature).exp()
    return (weights / weights.sum(dim, keepdim=True)).to(x.dtype)


@instead_of("softmax")
def hides_nan_from_the_output_alone(x, dim=-1, temperature=1.0):
    """nan_to_num mends what comes out, but backward multiplies its zero by the NaN that was saved, and 0 · NaN is NaN. Keep
    NaN from arising instead: subtract a finite number."""
    check(temperature)
    wider = wide(x)
    weights = ((wider - wider.detach().amax(dim, keepdim=True)) / temperature).exp()
    return (weights / weights.sum(dim, keepdim=True)).nan_to_num(0.0).to(x.dtype)


@instead_of("softmax")
def divides_in_place(x, dim=-1, temperature=1.0):
    """`/=` overwrites the exponentials, which backward needs: autograd notices and raises. Inference works, so it shows only
    in training."""
    check(temperature)
    weights = weighed(x, dim, temperature)
    weights /= weights.sum(dim, keepdim=True).clamp(min=1)
    return weights.to(x.dtype)


@instead_of("softmax")
def shifts_the_callers_tensor(x, dim=-1, temperature=1.0):
    """`x -= ...` writes into the caller's logits, and refuses a leaf that requires a gradient. The shares come out right, so
    it is noticed where somebody uses the logits again."""
    check(temperature)
    x -= x.detach().amax(dim, keepdim=True).clamp(min=torch.finfo(x.dtype).min)
    return right(x, dim, temperature)


@instead_of("softmax")
def sums_in_half_precision(x, dim=-1, temperature=1.0):
    """65,504 is the end of float16, and a vocabulary has more entries: the sum is infinite and every share zero. Sum in
    float32 and round the shares."""
    check(temperature)
    top = x.detach().amax(dim, keepdim=True).clamp(min=torch.finfo(x.dtype).min)
    weights = ((x - top) / temperature).exp()
    return weights / weights.sum(dim, keepdim=True).clamp(min=1)


@instead_of("softmax")
def rounds_to_float32(x, dim=-1, temperature=1.0):
    """`x.float()` is care in half precision and a loss in float64, which no dtype shows once it is cast back; gradcheck,
    which needs float64, then fails for no visible reason. Raise the precision, never set it."""
    check(temperature)
    return right(x.float(), dim, temperature).to(x.dtype)


@instead_of("softmax")
def returns_float32(x, dim=-1, temperature=1.0):
    """Float32 inside is right, but the result has to be cast back: in a bfloat16 model the next matrix product meets two
    dtypes and raises."""
    check(temperature)
    return right(wide(x), dim, temperature)


@instead_of("softmax")
def trusts_the_temperature(x, dim=-1, temperature=1.0):
    """At temperature 0 this is 0 / 0, and a negative one quietly prefers the least likely entry. Refuse both here, where the
    caller's mistake is, and NaN with them."""
    return right(x, dim, temperature)


@instead_of("softmax_jvp")
def takes_the_shares_for_independent(p, v, dim=-1, temperature=1.0):
    """p (1 - p) is only the diagonal of the Jacobian, the sigmoid's derivative. Raising one entry lowers all other shares:
    moving every entry alike must move nothing."""
    check(temperature)
    return (wide(p) * (1 - wide(p)) * wide(v) / temperature).to(p.dtype)


@instead_of("softmax_jvp")
def subtracts_the_plain_mean(p, v, dim=-1, temperature=1.0):
    """What is subtracted from v is its mean under p, not the mean over entries. The two agree for a uniform slice only, such
    as at the start of training."""
    check(temperature)
    return (wide(p) * (wide(v) - wide(v).mean(dim, keepdim=True)) / temperature).to(p.dtype)


@instead_of("softmax_jvp")
def forgets_the_weights_in_front(p, v, dim=-1, temperature=1.0):
    """v - Σ p v is half of the way: each entry still has to be weighed by its own share. As it is, the changes do not sum to
    zero, though the shares always sum to one."""
    check(temperature)
    return ((wide(v) - (wide(p) * wide(v)).sum(dim, keepdim=True)) / temperature).to(p.dtype)


@instead_of("softmax_jvp")
def forgets_the_temperature(p, v, dim=-1, temperature=1.0):
    """p already knows the temperature, but the derivative needs it once more: the chain rule brings a factor of
    1 / temperature. At 1, where everybody tests, it is missing unseen."""
    check(temperature)
    return (wide(p) * (wide(v) - (wide(p) * wide(v)).sum(dim, keepdim=True)) / 1.0).to(p.dtype)


@instead_of("softmax_jvp")
def takes_the_product_over_everything(p, v, dim=-1, temperature=1.0):
    """p·v is taken over the whole tensor, so every slice is moved by the directions of the others. Each slice has a sum of
    its own, along `dim`, kept as an axis so that it broadcasts."""
    check(temperature)
    return (wide(p) * (wide(v) - (wide(p) * wide(v)).sum()) / temperature).to(p.dtype)


equivalents = [
    Equivalent("softmax: wide.detach() → wide", "what is subtracted cancels, so its gradient is zero: only slower"),
]
