"""Five mistakes of normalization, made again by another route: each must still be recognized under its name."""

import torch

from grader.kit import instead_of


def raised(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


@instead_of("layer_norm")
def divides_by_one_less(x, weight, bias, eps=1e-5):
    rows = raised(x)
    variance = rows.std(-1, keepdim=True).square()
    normal = torch.div(rows - rows.mean(-1, keepdim=True), torch.sqrt(variance + eps))
    return torch.addcmul(bias.to(rows.dtype), normal, weight.to(rows.dtype)).to(x.dtype)


@instead_of("rms_norm")
def divides_by_the_length(x, weight, eps=1e-6):
    rows = raised(x)
    total = torch.einsum("...d, ...d -> ...", rows, rows).unsqueeze(-1)
    return (weight * rows / torch.sqrt(eps + total)).to(x.dtype)


@instead_of("rms_norm")
def recentres(x, weight, eps=1e-6):
    rows = raised(x)
    rows = rows - rows.sum(-1, keepdim=True) / x.shape[-1]
    return (rows / ((rows * rows).sum(-1, keepdim=True) / x.shape[-1] + eps).pow(0.5) * weight).to(x.dtype)


def normalized(module, x, mean, variance):
    turned = raised(x).movedim(1, -1)
    y = (turned - mean) * (variance + module.eps) ** -0.5 * module.weight + module.bias
    return y.movedim(-1, 1).to(x.dtype)


@instead_of("BatchNorm.forward")
def remembers_the_biased_variance(self, x):
    if not self.training:
        return normalized(self, x, self.running_mean, self.running_var)
    values = raised(x).movedim(1, -1).flatten(0, -2)
    if len(values) <= 1:
        raise ValueError(len(values))
    variance, mean = torch.var_mean(values, 0, correction=0)
    self.running_mean += self.momentum * (mean.detach() - self.running_mean)
    self.running_var += self.momentum * (variance.detach() - self.running_var)
    return normalized(self, x, mean, variance)


@instead_of("BatchNorm.forward")
def keeps_a_tenth_of_the_past(self, x):
    if not self.training:
        return normalized(self, x, self.running_mean, self.running_var)
    values = raised(x).movedim(1, -1).flatten(0, -2)
    if len(values) <= 1:
        raise ValueError(len(values))
    variance, mean = torch.var_mean(values, 0, correction=0)
    unbiased = variance.detach() * len(values) / (len(values) - 1)
    self.running_mean = (mean.detach() + self.momentum * (self.running_mean - mean.detach())).to(self.running_mean.dtype)
    self.running_var = (unbiased + self.momentum * (self.running_var - unbiased)).to(self.running_var.dtype)
    return normalized(self, x, mean, variance)
