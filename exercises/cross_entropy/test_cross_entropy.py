import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, integers, sampled_from
from torch.nn import functional as F

from exercises.cross_entropy.cross_entropy import cross_entropy, cross_entropy_grad, log_softmax, perplexity
from grader.kit import agrees, gradients, quarters, refuses, seeds, tensors

forbids = [
    "torch.log_softmax", "torch._log_softmax", "torch.special.log_softmax", "torch.Tensor.log_softmax",
    "torch.nn.functional.log_softmax", "torch.nn.functional.nll_loss", "torch.nn.functional.cross_entropy",
    "torch.nn.LogSoftmax", "torch.nn.NLLLoss", "torch.nn.CrossEntropyLoss",
    "torch.nn.functional.linear_cross_entropy", "torch.nn.LinearCrossEntropyLoss",  # from torch 2.13 on
]  # fmt: skip

reductions = sampled_from(["mean", "sum", "none"])
halves = sampled_from([torch.float16, torch.bfloat16])
smoothings = sampled_from([0.1, 0.25, 0.5])
exact = {"atol": 1e-12, "rtol": 1e-12}  # what float64 can do and float32 cannot
larger = 100.0  # quarters up to 2 become logits up to 200, whose exponentials float32 cannot hold


def classes(logits, seed):
    """One class in 0 … v - 1 for each row of `logits`."""
    return torch.randint(logits.shape[1], logits.shape[:1], generator=torch.Generator().manual_seed(seed))


def with_gaps(targets, seed, ignore_index=-100):
    """`targets` with about half of them ignored: the last one always, the first one never."""
    ignored = torch.rand(targets.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    ignored[-1], ignored[0] = True, False
    return targets.masked_fill(ignored, ignore_index)


def weights(logits, seed):
    """A positive weight for each class."""
    return quarters(seed, logits.shape[1]).abs() + 0.25


@settings(max_examples=12)
@given(tensors("... v"))
def test_log_softmax_is_the_logarithm_of_the_softmax(logits):
    """Along the last axis, log_softmax is the logarithm of the softmax."""
    agrees(log_softmax(logits), logits.softmax(-1).log())


@settings(max_examples=12)
@given(tensors("a b c"), integers(-3, 2))
def test_log_softmax_runs_along_the_axis_asked_for(logits, dim):
    """Along any axis, counted from either end, the probabilities sum to one."""
    agrees(log_softmax(logits, dim).exp().sum(dim), torch.ones_like(logits.sum(dim)))


@settings(max_examples=5)
@given(tensors("n v"), sampled_from([-10_000, 1_000, 10_000]))
def test_log_softmax_does_not_see_a_shift(logits, shift):
    """Adding one number to all logits changes nothing, however large the number."""
    agrees(log_softmax(logits.double() + shift), F.log_softmax(logits.double(), -1))


@settings(max_examples=5)
@given(tensors("n v"), seeds)
def test_log_softmax_treats_each_row_alone(logits, seed):
    """Lifting one row by thousands leaves the other rows as they were."""
    lift = 4_000 * quarters(seed, len(logits), 1)
    agrees(log_softmax(logits.double() + lift), F.log_softmax(logits.double(), -1))


@settings(max_examples=5)
@given(tensors("n v"))
def test_log_softmax_survives_far_apart_logits(logits):
    """Logits between -10,000 and 10,000 have the log-probabilities that torch gives them, none of them infinite."""
    agrees(log_softmax(5_000 * logits), F.log_softmax(5_000 * logits, -1), atol=2e-3, rtol=1e-5)


@settings(max_examples=12)
@given(tensors("... v"), seeds)
def test_log_softmax_has_the_right_gradient(logits, seed):
    """The gradient of log_softmax is torch's."""
    logits.requires_grad_()
    agrees(*(gradients(f(logits, -1), logits, seed=seed)[0] for f in (log_softmax, F.log_softmax)))


@settings(max_examples=5)
@given(tensors("n v"), halves)
def test_log_softmax_keeps_the_dtype(logits, dtype):
    """The dtype of the logits is that of the result."""
    agrees(log_softmax(logits.to(dtype)), F.log_softmax(logits.double(), -1).to(dtype))


@settings(max_examples=5)
@given(tensors("n v"))
def test_log_softmax_is_precise_in_float64(logits):
    """In float64, log_softmax is not rounded to float32 on the way."""
    agrees(log_softmax(logits.double()), F.log_softmax(logits.double(), -1), **exact)


@settings(max_examples=3)
@given(integers(70_000, 100_000))
def test_log_softmax_of_a_large_vocabulary_fits_float16(v):
    """In float16, v equal logits give -log v, although the sum of their exponentials is beyond float16."""
    agrees(log_softmax(torch.zeros(v).half()), torch.full((v,), -math.log(v)).half())


@settings(max_examples=5)
@given(tensors("rows columns", longest=8))
def test_log_softmax_takes_any_memory_layout(logits):
    """A transposed view with gaps is treated like any other tensor."""
    agrees(log_softmax(logits.T[::2]), F.log_softmax(logits.T[::2], -1))


@settings(max_examples=5)
@given(tensors("n v"))
def test_log_softmax_leaves_its_argument_alone(logits):
    """The caller's logits are not modified."""
    before = logits.clone()
    log_softmax(logits)
    agrees(logits, before)


@settings(max_examples=12)
@given(tensors("n v"), seeds)
def test_a_row_costs_the_surprise_at_its_target(logits, seed):
    """Without reduction, a row costs minus the log-probability of its target."""
    targets = classes(logits, seed)
    surprise = [-math.log(row.softmax(-1)[target]) for row, target in zip(logits.double(), targets, strict=True)]
    agrees(cross_entropy(logits, targets, reduction="none"), torch.tensor(surprise))


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_the_sum_adds_the_rows_up(logits, seed):
    """With reduction="sum", the loss is the sum over the rows."""
    targets = classes(logits, seed)
    agrees(cross_entropy(logits, targets, reduction="sum"), F.cross_entropy(logits, targets, reduction="sum"))


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_the_mean_is_the_default(logits, seed):
    """Unless told otherwise, the loss is the mean over the rows."""
    targets = classes(logits, seed)
    agrees(cross_entropy(logits, targets), F.cross_entropy(logits, targets))


@settings(max_examples=12)
@given(tensors("n v"), seeds, reductions)
def test_the_gradient_is_right(logits, seed, reduction):
    """The gradient by the logits is torch's, under every reduction."""
    logits, targets = logits.requires_grad_(), classes(logits, seed)
    losses = (f(logits, targets, reduction=reduction) for f in (cross_entropy, F.cross_entropy))
    agrees(*(gradients(loss, logits, seed=seed)[0] for loss in losses))


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_an_ignored_row_costs_nothing_in_its_place(logits, seed):
    """Without reduction, a row with target -100 keeps its place with a loss of 0."""
    targets = with_gaps(classes(logits, seed), seed)
    expected = F.cross_entropy(logits, targets, reduction="none")
    agrees(cross_entropy(logits, targets, reduction="none"), expected)


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_the_mean_is_over_the_rows_that_count(logits, seed):
    """The mean divides by the number of targets that are not ignored."""
    targets = with_gaps(classes(logits, seed), seed)
    expected = F.cross_entropy(logits, targets)
    agrees(cross_entropy(logits, targets), expected)


@settings(max_examples=8)
@given(tensors("n v"), seeds, sampled_from([-1, 0, 9]))
def test_any_integer_can_be_the_one_ignored(logits, seed, ignore_index):
    """ignore_index may be a class or lie outside of them: rows with that target cost 0."""
    targets = with_gaps(classes(logits, seed), seed, ignore_index)
    expected = F.cross_entropy(logits, targets, ignore_index=ignore_index, reduction="none")
    agrees(cross_entropy(logits, targets, ignore_index=ignore_index, reduction="none"), expected)


@settings(max_examples=8)
@given(tensors("n v"), reductions.filter(lambda reduction: reduction != "none"))
def test_nothing_to_predict_costs_nothing(logits, reduction):
    """Where every target is ignored, the loss is 0, not NaN, and so is its gradient."""
    logits.requires_grad_()
    loss = cross_entropy(logits, torch.full((len(logits),), -100), reduction=reduction)
    agrees(loss, torch.tensor(0.0))
    agrees(*torch.autograd.grad(loss, logits), torch.zeros_like(logits))


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_a_weight_multiplies_the_loss_of_its_class(logits, seed):
    """With weights, a row costs the weight of its target times what it cost before."""
    targets, weight = classes(logits, seed), weights(logits, seed)
    expected = F.cross_entropy(logits, targets, reduction="none") * weight[targets]
    agrees(cross_entropy(logits, targets, weight, reduction="none"), expected)


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_a_weighted_mean_divides_by_the_weights(logits, seed):
    """The mean divides by the total weight of the targets, so weights of one scale are like weights of another."""
    targets, weight = classes(logits, seed), weights(logits, seed)
    agrees(cross_entropy(logits, targets, weight), F.cross_entropy(logits, targets, weight))
    agrees(cross_entropy(logits, targets, weight * 8), F.cross_entropy(logits, targets, weight))


@settings(max_examples=8)
@given(tensors("n v"), seeds, smoothings)
def test_smoothing_shares_among_all_classes(logits, seed, epsilon):
    """Smoothing by epsilon takes it from the target and spreads it evenly over all v classes, the target included."""
    targets = classes(logits, seed)
    smoothed = torch.full_like(logits, epsilon / logits.shape[1])
    smoothed[torch.arange(len(logits)), targets] += 1 - epsilon
    expected = -(smoothed * F.log_softmax(logits, -1)).sum(-1)
    agrees(cross_entropy(logits, targets, label_smoothing=epsilon, reduction="none"), expected)


@settings(max_examples=8)
@given(tensors("n v"), seeds, smoothings)
def test_smoothing_weighs_each_class_by_its_own_weight(logits, seed, epsilon):
    """With weights, the share of class c is multiplied by weight[c], not by the weight of the target."""
    targets, options = classes(logits, seed), {"weight": weights(logits, seed), "label_smoothing": epsilon, "reduction": "none"}
    agrees(cross_entropy(logits, targets, **options), F.cross_entropy(logits, targets, **options))


@settings(max_examples=8)
@given(tensors("n v"), seeds, smoothings)
def test_smoothing_spares_the_ignored_rows(logits, seed, epsilon):
    """An ignored row costs nothing under smoothing either."""
    targets, options = with_gaps(classes(logits, seed), seed), {"label_smoothing": epsilon, "reduction": "none"}
    expected = F.cross_entropy(logits, targets, **options)
    agrees(cross_entropy(logits, targets, **options), expected)


@settings(max_examples=12)
@given(tensors("n v"), seeds, smoothings)
def test_all_options_together_agree_with_torch(logits, seed, epsilon):
    """Weights, gaps and smoothing together give torch's mean and its gradient."""
    logits, targets = logits.requires_grad_(), with_gaps(classes(logits, seed), seed)
    options = {"weight": weights(logits, seed), "label_smoothing": epsilon}
    expected, got = (f(logits, targets, **options) for f in (F.cross_entropy, cross_entropy))
    agrees(got, expected)
    agrees(*torch.autograd.grad(got, logits), *torch.autograd.grad(expected, logits))


@settings(max_examples=5)
@given(tensors("n v"), seeds, sampled_from([-10_000, 1_000, 10_000]))
def test_the_loss_does_not_see_a_shift(logits, seed, shift):
    """Adding one number to all logits changes nothing, however large the number."""
    logits, targets = logits.double(), classes(logits, seed)
    agrees(cross_entropy(logits + shift, targets), F.cross_entropy(logits, targets))


@settings(max_examples=5)
@given(tensors("n v"), seeds)
def test_rows_do_not_see_one_another(logits, seed):
    """Lifting one row by thousands leaves the losses of the others as they were."""
    lift, targets, logits = 4_000 * quarters(seed, len(logits), 1), classes(logits, seed), logits.double()
    agrees(cross_entropy(logits + lift, targets, reduction="none"), F.cross_entropy(logits, targets, reduction="none"))


@settings(max_examples=8)
@given(tensors("n v"), seeds, sampled_from([0.0, 0.1]))
def test_far_apart_logits_cost_something_finite(logits, seed, epsilon):
    """Logits between -10,000 and 10,000 have a finite loss and finite gradients."""
    logits = (5_000 * logits).requires_grad_()
    loss = cross_entropy(logits, classes(logits, seed), label_smoothing=epsilon)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.isfinite()
    assert gradient.isfinite().all()


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_a_certain_error_costs_its_distance(logits, seed):
    """An impossible target is not cut off at some largest loss: it costs its distance from the largest logit."""
    targets = classes(logits, seed)
    expected = F.cross_entropy(larger * logits, targets, reduction="none")
    agrees(cross_entropy(larger * logits, targets, reduction="none"), expected, atol=1e-3, rtol=1e-5)


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_a_certain_error_still_teaches(logits, seed):
    """However unlikely the target, the gradient there is not lost."""
    logits, targets = (larger * logits).requires_grad_(), classes(logits, seed)
    losses = (f(logits, targets, reduction="sum") for f in (cross_entropy, F.cross_entropy))
    agrees(*(torch.autograd.grad(loss, logits)[0] for loss in losses), atol=1e-3, rtol=1e-3)


@settings(max_examples=5)
@given(tensors("n v"), seeds, integers(0, 3))
def test_a_target_beyond_the_vocabulary_is_refused(logits, seed, beyond):
    """A target of v or more raises IndexError."""
    targets = classes(logits, seed)
    targets[seed % len(targets)] = logits.shape[1] + beyond
    assert refuses(IndexError, cross_entropy, logits, targets)


@settings(max_examples=5)
@given(tensors("n v"), seeds, sampled_from([-1, -2, -101]))
def test_a_negative_target_is_refused(logits, seed, negative):
    """A negative target other than ignore_index raises IndexError: -1 is not the last class."""
    targets = classes(logits, seed)
    targets[seed % len(targets)] = negative
    assert refuses(IndexError, cross_entropy, logits, targets)


@settings(max_examples=5)
@given(tensors("n v"), seeds)
def test_only_ignore_index_is_ignored(logits, seed):
    """With another ignore_index, a target of -100 raises IndexError."""
    targets = classes(logits, seed)
    targets[seed % len(targets)] = -100
    assert refuses(IndexError, cross_entropy, logits, targets, ignore_index=-1)


@settings(max_examples=5)
@given(tensors("n v"), seeds, sampled_from(["", "average", "Mean", "batchmean", None]))
def test_another_reduction_is_refused(logits, seed, reduction):
    """A reduction other than mean, sum and none raises ValueError."""
    assert refuses(ValueError, cross_entropy, logits, classes(logits, seed), reduction=reduction)


@settings(max_examples=8)
@given(tensors("n v"), seeds, halves, reductions, sampled_from([0.0, 0.25]))
def test_the_loss_keeps_the_dtype(logits, seed, dtype, reduction, epsilon):
    """The dtype of the logits is that of the loss."""
    targets, options = classes(logits, seed), {"label_smoothing": epsilon, "reduction": reduction}
    expected = F.cross_entropy(logits.double(), targets, weights(logits, seed).double(), **options)
    agrees(cross_entropy(logits.to(dtype), targets, weights(logits, seed).to(dtype), **options), expected.to(dtype))


@settings(max_examples=5)
@given(tensors("n v"), seeds, reductions)
def test_the_loss_is_precise_in_float64(logits, seed, reduction):
    """In float64, the loss and its gradient are not rounded to float32 on the way."""
    logits, targets = logits.double().requires_grad_(), classes(logits, seed)
    expected, got = (f(logits, targets, reduction=reduction) for f in (F.cross_entropy, cross_entropy))
    agrees(got, expected, **exact)
    agrees(*(gradients(loss, logits, seed=seed)[0] for loss in (got, expected)), **exact)


@settings(max_examples=3)
@given(integers(70_000, 100_000), seeds)
def test_the_loss_of_a_large_vocabulary_fits_float16(v, seed):
    """In float16, v equal logits cost log v, although the sum of their exponentials is beyond float16."""
    logits = torch.zeros(1, v).half()
    agrees(cross_entropy(logits, classes(logits, seed)), torch.tensor(math.log(v)).half())


@settings(max_examples=5)
@given(tensors("rows columns", longest=8), seeds)
def test_the_loss_takes_any_memory_layout(columns, seed):
    """Views with gaps, of logits, targets and weights, are treated like any other tensors."""
    logits = columns.T[::2]
    targets, weight = classes(columns.T, seed)[::2], weights(columns.new_empty(1, 2 * len(columns)), seed)[::2]
    options = {"weight": weight, "label_smoothing": 0.25}
    agrees(cross_entropy(logits, targets, **options), F.cross_entropy(logits, targets, **options))


@settings(max_examples=5)
@given(tensors("n v"), seeds)
def test_the_loss_leaves_its_arguments_alone(logits, seed):
    """The caller's logits, targets and weights are not modified."""
    arguments = logits, with_gaps(classes(logits, seed), seed), weights(logits, seed)
    before = [argument.clone() for argument in arguments]
    cross_entropy(*arguments, label_smoothing=0.25)
    for argument, copy in zip(arguments, before, strict=True):
        agrees(argument, copy)


@settings(max_examples=12)
@given(tensors("n v"), seeds)
def test_the_closed_form_is_the_gradient(logits, seed):
    """cross_entropy_grad is what autograd finds for the mean loss."""
    logits, targets = logits.requires_grad_(), classes(logits, seed)
    expected = torch.autograd.grad(F.cross_entropy(logits, targets), logits)
    agrees(cross_entropy_grad(logits.detach(), targets), *expected)


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_the_closed_form_sums_to_zero(logits, seed):
    """Each row of the gradient sums to zero: what the target gains, the other classes lose."""
    gradient = cross_entropy_grad(logits, classes(logits, seed))
    agrees(gradient.sum(-1), torch.zeros(len(logits)))


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_the_closed_form_raises_the_target_alone(logits, seed):
    """Only the entry of the target is negative: descending raises that logit and lowers the others."""
    targets = classes(logits, seed)
    gradient = cross_entropy_grad(logits, targets)
    is_target = torch.arange(logits.shape[1]) == targets[:, None]
    assert (gradient[is_target] <= 1e-6).all()
    assert (gradient[~is_target] > 0).all()


@settings(max_examples=8)
@given(tensors("n v"), seeds)
def test_the_closed_form_ignores_what_the_loss_ignores(logits, seed):
    """A row with target -100 has a zero gradient and does not count in the mean."""
    logits, targets = logits.requires_grad_(), with_gaps(classes(logits, seed), seed)
    expected = torch.autograd.grad(F.cross_entropy(logits, targets), logits)
    agrees(cross_entropy_grad(logits.detach(), targets), *expected)


@settings(max_examples=5)
@given(tensors("n v"))
def test_the_closed_form_of_nothing_is_zero(logits):
    """Where every target is ignored, the gradient is zero, not NaN."""
    agrees(cross_entropy_grad(logits, torch.full((len(logits),), -100)), torch.zeros_like(logits))


@settings(max_examples=5)
@given(tensors("n v"), seeds)
def test_the_closed_form_survives_far_apart_logits(logits, seed):
    """Logits between -10,000 and 10,000 have the gradient that torch gives them."""
    logits, targets = (5_000 * logits).requires_grad_(), classes(logits, seed)
    expected = torch.autograd.grad(F.cross_entropy(logits, targets), logits)
    agrees(cross_entropy_grad(logits.detach(), targets), *expected, atol=1e-3, rtol=1e-3)


@settings(max_examples=5)
@given(tensors("n v"), seeds)
def test_the_closed_form_needs_no_autograd(logits, seed):
    """Under torch.no_grad(), the gradient is the same."""
    targets = classes(logits, seed)
    with torch.no_grad():
        got = cross_entropy_grad(logits, targets)
    agrees(got, *torch.autograd.grad(F.cross_entropy(logits.requires_grad_(), targets), logits))


@settings(max_examples=5)
@given(tensors("n v"), seeds, sampled_from([-101, -1]))
def test_the_closed_form_refuses_other_targets(logits, seed, negative):
    """A target that is neither a class nor -100 raises IndexError."""
    for stray in (negative, logits.shape[1]):
        targets = classes(logits, seed)
        targets[seed % len(targets)] = stray
        assert refuses(IndexError, cross_entropy_grad, logits, targets)


@settings(max_examples=5)
@given(tensors("n v"), seeds, halves)
def test_the_closed_form_keeps_the_dtype(logits, seed, dtype):
    """The dtype of the logits is that of the gradient."""
    double, targets = logits.double().requires_grad_(), with_gaps(classes(logits, seed), seed)
    (expected,) = torch.autograd.grad(F.cross_entropy(double, targets), double)
    agrees(cross_entropy_grad(logits.to(dtype), targets), expected.to(dtype))


@settings(max_examples=5)
@given(tensors("n v"), seeds)
def test_the_closed_form_is_precise_in_float64(logits, seed):
    """In float64, the gradient is not rounded to float32 on the way."""
    double, targets = logits.double().requires_grad_(), with_gaps(classes(logits, seed), seed)
    (expected,) = torch.autograd.grad(F.cross_entropy(double, targets), double)
    agrees(cross_entropy_grad(logits.double(), targets), expected, **exact)


@settings(max_examples=5)
@given(tensors("rows columns", longest=8), seeds)
def test_the_closed_form_takes_any_layout_and_modifies_nothing(columns, seed):
    """Views with gaps are treated like any other tensors, and are the same afterwards."""
    whole = columns.repeat(2, 8).T  # always several rows and classes
    logits, targets = whole[::2], with_gaps(classes(whole, seed), seed)[::2]
    copies = logits.clone().requires_grad_(), targets.clone()
    got = cross_entropy_grad(logits, targets)
    agrees(got, *torch.autograd.grad(F.cross_entropy(*copies), copies[:1]))
    agrees(logits, copies[0].detach())
    agrees(targets, copies[1])


@settings(max_examples=8)
@given(floats(0, 20))
def test_the_perplexity_of_a_float_is_a_float(mean_loss):
    """Of a float, the perplexity is a float: the exponential, since the loss is in nats."""
    agrees(perplexity(mean_loss), math.exp(mean_loss))


@settings(max_examples=8)
@given(tensors("..."))
def test_the_perplexity_of_a_tensor_is_a_tensor(mean_loss):
    """Of a tensor of any shape, the perplexity is a tensor of that shape, and the argument is left alone."""
    before = mean_loss.clone()
    agrees(perplexity(mean_loss), mean_loss.exp())
    agrees(mean_loss, before)


@settings(max_examples=5)
@given(tensors("..."), seeds)
def test_the_perplexity_passes_gradients_on(mean_loss, seed):
    """The gradient of the perplexity is the perplexity."""
    mean_loss.requires_grad_()
    agrees(*(gradients(f(mean_loss), mean_loss, seed=seed)[0] for f in (perplexity, torch.exp)))


@settings(max_examples=5)
@given(tensors("n"), halves)
def test_the_perplexity_keeps_the_dtype(mean_loss, dtype):
    """The dtype of a tensor is that of its perplexity."""
    agrees(perplexity(mean_loss.to(dtype)), mean_loss.double().exp().to(dtype))


@settings(max_examples=5)
@given(integers(1, 1_000_000))
def test_guessing_has_the_perplexity_of_the_choice(v):
    """A uniform guess among v tokens has perplexity v."""
    agrees(perplexity(math.log(v)), float(v))


@settings(max_examples=5)
@given(floats(800, 1e6))
def test_a_hopeless_loss_is_infinitely_perplexing(mean_loss):
    """A loss whose exponential no float can hold has perplexity inf, as a float and as a tensor."""
    assert perplexity(mean_loss) == math.inf
    assert perplexity(torch.tensor(mean_loss)) == math.inf
