import torch
from torch import nn

from grader.kit import instead_of


def wide(x):
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def layer(x, weight, bias, eps, axes=(-1,)):
    """LayerNorm in the dtype of `x`, over any axes."""
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True) + eps).sqrt() * weight + bias


def others(x):
    return [axis for axis in range(x.ndim) if axis != 1]


def spread(statistic, x):
    """A statistic per feature, so that it broadcasts over `x`."""
    return statistic.view(-1, *[1] * (x.ndim - 2))


def batch(self, x, mean, variance):
    normal = (wide(x) - spread(mean, x)) / spread(variance + self.eps, x).sqrt()
    return (normal * spread(self.weight, x) + spread(self.bias, x)).to(x.dtype)


def of_the_batch(x, correction=0):
    values = wide(x).movedim(1, 0).reshape(x.shape[1], -1)
    if values.shape[1] < 2:
        raise ValueError
    return values.mean(1), values.var(1, correction=correction)


def remember(self, mean, variance):
    with torch.no_grad():
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)


@instead_of("layer_norm")
def divides_by_one_less(x, weight, bias, eps=1e-5):
    """`x.var()` and `x.std()` divide by d − 1, an estimate for data that were not seen. A norm describes the d numbers that are
    there; at d = 1 the estimate is 0 / 0."""
    x_ = wide(x)
    centred = x_ - x_.mean(-1, keepdim=True)
    return (centred / (x_.var(-1, keepdim=True) + eps).sqrt() * weight + bias).to(x.dtype)


@instead_of("layer_norm")
def adds_eps_to_the_deviation(x, weight, bias, eps=1e-5):
    """With eps outside the root, a row of equal entries comes out right, and its gradient is NaN: the derivative of √v at zero
    is infinite, and times zero. Under the root, eps keeps the derivative finite too."""
    x_ = wide(x)
    centred = x_ - x_.mean(-1, keepdim=True)
    return (centred / (centred.square().mean(-1, keepdim=True).sqrt() + eps) * weight + bias).to(x.dtype)


@instead_of("layer_norm")
def normalizes_over_positions_too(x, weight, bias, eps=1e-5):
    """All axes but the batch's share a mean, so every token knows the later ones, and a sequence changes when it is padded.
    In a language model the last axis stands alone."""
    axes = tuple(range(1, x.ndim)) if x.ndim > 1 else (-1,)
    return layer(wide(x), weight, bias, eps, axes).to(x.dtype)


@instead_of("layer_norm")
def normalizes_over_the_batch(x, weight, bias, eps=1e-5):
    """The mean is taken along the first axis: that is BatchNorm without its memory. A row then depends on the company it is
    in, and alone it becomes the bias."""
    return layer(wide(x), weight, bias, eps, (0,)).to(x.dtype) if x.ndim > 1 else layer(x, weight, bias, eps)


@instead_of("layer_norm")
def subtracts_squares(x, weight, bias, eps=1e-5):
    """E[x²] − E[x]² is right on paper. With a large mean both are large and agree in all their digits: the variance is
    rounding, sometimes negative. Subtract the mean first, then square."""
    x_ = wide(x)
    mean = x_.mean(-1, keepdim=True)
    variance = (x_.square().mean(-1, keepdim=True) - mean.square()).clamp(min=0)
    return ((x_ - mean) / (variance + eps).sqrt() * weight + bias).to(x.dtype)


@instead_of("layer_norm")
def squares_in_half_precision(x, weight, bias, eps=1e-5):
    """In float16 a deviation of 300 has an infinite square, and the row becomes the bias; in bfloat16 the sum loses its small
    terms. Compute in float32 and cast the result."""
    return layer(x, weight, bias, eps)


@instead_of("layer_norm")
def returns_float32(x, weight, bias, eps=1e-5):
    """Float32 inside is right, but the result has to go back: in a bfloat16 model every norm would otherwise promote the
    residual stream, and the next matrix product complains."""
    return layer(wide(x), weight, bias, eps)


@instead_of("layer_norm")
def rounds_to_float32(x, weight, bias, eps=1e-5):
    """`x.float()` is care in half precision and a loss in float64, which the dtype of the result hides. Raise the precision,
    never set it."""
    return layer(x.float(), weight.float(), bias.float(), eps).to(x.dtype)


@instead_of("layer_norm")
def centres_in_place(x, weight, bias, eps=1e-5):
    """`x -= mean` writes into the residual stream, which the branch is yet to be added to: the block then adds to a stream
    that has lost its mean."""
    x -= x.mean(-1, keepdim=True)
    return layer(wide(x), weight, bias, eps).to(x.dtype)


@instead_of("rms_norm")
def recentres(x, weight, eps=1e-6):
    """This is LayerNorm without a bias. RMSNorm leaves the mean in, both where it subtracts and where it squares: that is
    the whole difference, and a checkpoint knows it."""
    return layer(wide(x), weight, 0.0, eps).to(x.dtype)


@instead_of("rms_norm")
def divides_by_the_length(x, weight, eps=1e-6):
    """The sum of squares makes it the length of the vector and not its root mean square: the result is too small by √d,
    28 times at d = 768. The mean keeps entries near one at any width."""
    x_ = wide(x)
    return (x_ * (x_.square().sum(-1, keepdim=True) + eps).rsqrt() * weight).to(x.dtype)


@instead_of("rms_norm")
def adds_one_to_the_weight(x, weight, eps=1e-6):
    """Some models, Gemma for one, store the weight less one, so that decay pulls towards one. Here it multiplies as it is;
    exchanged, every layer is scaled wrongly and nothing raises."""
    x_ = wide(x)
    return (x_ * (x_.square().mean(-1, keepdim=True) + eps).rsqrt() * (1 + weight)).to(x.dtype)


@instead_of("rms_norm")
def adds_eps_to_the_root(x, weight, eps=1e-6):
    """With eps outside the root, a row of zeros has the gradient NaN: padding is enough. Under the root, the gradient there
    is the weight over √eps."""
    x_ = wide(x)
    return (x_ / (x_.square().mean(-1, keepdim=True).sqrt() + eps) * weight).to(x.dtype)


@instead_of("rms_norm")
def squares_in_half_precision_again(x, weight, eps=1e-6):
    """The square of 300 is infinite in float16, one over its root zero, and the row vanishes. RMSNorm is the place where a
    half-precision model needs float32 most."""
    return x * (x.square().mean(-1, keepdim=True) + eps).rsqrt() * weight


@instead_of("BatchNorm.forward")
def forgets_the_positions(self, x):
    """Only the batch axis is averaged, so each position has statistics of its own, over a handful of examples. A feature is
    the same feature everywhere: average over all axes but its own."""
    if not self.training:
        return batch(self, x, self.running_mean, self.running_var)
    of_the_batch(x)
    mean, variance = wide(x).mean(0), wide(x).var(0, correction=0)
    count = x.shape[0]
    per_feature = [s.reshape(x.shape[1], -1).mean(1) for s in (mean, variance * count / max(1, count - 1))]
    remember(self, *per_feature)
    y = (wide(x) - mean) / (variance + self.eps).sqrt()
    return (y * spread(self.weight, x) + spread(self.bias, x)).to(x.dtype)


@instead_of("BatchNorm.forward")
def normalizes_by_the_unbiased_variance(self, x):
    """There are two variances: the batch is normalized by its own, divided by n, and only what goes into running_var is
    divided by n − 1. With small batches the outputs come out too small."""
    if not self.training:
        return batch(self, x, self.running_mean, self.running_var)
    mean, variance = of_the_batch(x, correction=1)
    remember(self, mean, variance)
    return batch(self, x, mean, variance)


@instead_of("BatchNorm.forward")
def remembers_the_biased_variance(self, x):
    """running_var stands for data that were not in the batch, so torch divides by n − 1 there. Divided by n, evaluation
    amplifies: by n / (n − 1) in variance, a half more at three values per feature."""
    if not self.training:
        return batch(self, x, self.running_mean, self.running_var)
    mean, variance = of_the_batch(x)
    remember(self, mean, variance)
    return batch(self, x, mean, variance)


@instead_of("BatchNorm.forward")
def keeps_a_tenth_of_the_past(self, x):
    """momentum is read as the share of what is old, as in Keras, where its default is 0.99. In torch 0.1 is the share of what
    is new; exchanged, the averages follow the last batch and evaluation is noisy."""
    if not self.training:
        return batch(self, x, self.running_mean, self.running_var)
    mean, variance = of_the_batch(x)
    unbiased = of_the_batch(x, correction=1)[1]
    with torch.no_grad():
        self.running_mean.copy_(self.momentum * self.running_mean + (1 - self.momentum) * mean)
        self.running_var.copy_(self.momentum * self.running_var + (1 - self.momentum) * unbiased)
    return batch(self, x, mean, variance)


@instead_of("BatchNorm.forward")
def trains_by_the_running_averages(self, x):
    """Normalizing by averages that lag behind lets the gradient grow the activations without being held back: in training
    it has to flow through the batch's own statistics."""
    if self.training:
        remember(self, of_the_batch(x)[0], of_the_batch(x, correction=1)[1])
    return batch(self, x, self.running_mean.clone(), self.running_var.clone())


@instead_of("BatchNorm.forward")
def evaluates_by_the_batch(self, x):
    """`training` is never asked, so a prediction depends on who else is in the batch, and a single example is refused or
    becomes the bias. And looking at validation data moves the averages."""
    mean, variance = of_the_batch(x)
    remember(self, mean, of_the_batch(x, correction=1)[1])
    return batch(self, x, mean, variance)


@instead_of("BatchNorm.forward")
def learns_in_evaluation(self, x):
    """The averages move in evaluation too, so the model that was validated is not the one that is shipped, and two passes
    over the same data differ."""
    if x.shape[0] * x.shape[2:].numel() > 1 or self.training:
        mean, variance = of_the_batch(x)
        before = self.running_mean.clone(), self.running_var.clone()
        remember(self, mean, of_the_batch(x, correction=1)[1])
        return batch(self, x, mean, variance) if self.training else batch(self, x, *before)
    return batch(self, x, self.running_mean, self.running_var)


@instead_of("BatchNorm.forward")
def holds_on_to_every_graph(self, x):
    """Without `no_grad` or `detach` the running mean is a function of all batches so far: memory grows with every step, and
    the second backward goes through the graph of the first and raises."""
    if not self.training:
        return batch(self, x, self.running_mean, self.running_var)
    mean, variance = of_the_batch(x)
    self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
    self.running_var = (1 - self.momentum) * self.running_var + self.momentum * of_the_batch(x, correction=1)[1]
    return batch(self, x, mean, variance)


@instead_of("BatchNorm.forward")
def takes_a_single_value(self, x):
    """One value is its own mean: the output is the bias, whatever x is, and running_var takes in 0 / 0. A last batch of one
    example does this silently at the end of each epoch."""
    if not self.training:
        return batch(self, x, self.running_mean, self.running_var)
    values = wide(x).movedim(1, 0).reshape(x.shape[1], -1)
    remember(self, values.mean(1), values.var(1))
    return batch(self, x, values.mean(1), values.var(1, correction=0))


@instead_of("BatchNorm.__init__")
def forgets_to_register_the_averages(self, features, eps=1e-5, momentum=0.1):
    """Plain attributes are not in the state dict and do not follow `.to()`: a checkpoint comes back with averages of zero and
    one, and evaluation is wrong while the loss in training looks fine."""
    nn.Module.__init__(self)
    self.eps, self.momentum = eps, momentum
    self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
    self.running_mean, self.running_var = torch.zeros(features), torch.ones(features)


@instead_of("BatchNorm.__init__")
def learns_the_averages(self, features, eps=1e-5, momentum=0.1):
    """As parameters the averages are saved and moved, but an optimizer sees them too, and weight decay pulls the running
    variance to zero. What is saved and not learned is a buffer."""
    nn.Module.__init__(self)
    self.eps, self.momentum = eps, momentum
    self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
    self.running_mean, self.running_var = nn.Parameter(torch.zeros(features)), nn.Parameter(torch.ones(features))
