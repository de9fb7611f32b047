import torch
from torch import nn


def centred(x):
    """Less the mean, as a product with the matrix that projects it away; in float64."""
    d = x.shape[-1]
    return torch.einsum("...i, ij -> ...j", x.double(), torch.eye(d).double() - 1 / d)


def over_its_size(x, eps):
    return x / torch.sqrt(torch.einsum("...i, ...i -> ...", x, x).unsqueeze(-1) / x.shape[-1] + eps)


def layer_norm(x, weight, bias, eps=1e-5):
    return (over_its_size(centred(x), eps) * weight + bias).to(x.dtype)


def rms_norm(x, weight, eps=1e-6):
    return (over_its_size(x.double(), eps) * weight).to(x.dtype)


class BatchNorm(nn.Module):
    """Features last, all else flattened in front of them."""

    def __init__(self, features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        for name, value, learned in (
            ("weight", 1.0, True),
            ("bias", 0.0, True),
            ("running_mean", 0.0, False),
            ("running_var", 1.0, False),
        ):
            tensor = torch.full((features,), value)
            self.register_parameter(name, nn.Parameter(tensor)) if learned else self.register_buffer(name, tensor)

    def forward(self, x):
        columns = torch.einsum("bf... -> b...f", x.double()).reshape(-1, x.shape[1])
        if self.training and len(columns) <= 1:
            raise ValueError("one value has no variance")
        if self.training:
            mean = columns.sum(0) / len(columns)
            squares = (columns - mean).square().sum(0)
            self.running_mean.mul_(1 - self.momentum).add_(self.momentum * mean.detach())
            self.running_var.mul_(1 - self.momentum).add_(self.momentum * squares.detach() / (len(columns) - 1))
            variance = squares / len(columns)
        else:
            mean, variance = self.running_mean.double(), self.running_var.double()
        y = (columns - mean) / (variance + self.eps).sqrt() * self.weight.double() + self.bias.double()
        return torch.einsum("b...f -> bf...", y.reshape(x.shape[0], *x.shape[2:], x.shape[1])).to(x.dtype)
