import torch
from torch import nn


class Standardize(torch.autograd.Function):
    """Rows less their mean over the root of their variance; the backward in closed form."""

    @staticmethod
    def forward(ctx, x, eps):
        centred = x - x.mean(-1, keepdim=True)
        scale = ((centred * centred).mean(-1, keepdim=True) + eps) ** -0.5
        ctx.save_for_backward(centred * scale, scale)
        return centred * scale

    @staticmethod
    def backward(ctx, gradient):
        y, scale = ctx.saved_tensors
        return scale * (gradient - gradient.mean(-1, keepdim=True) - y * (gradient * y).mean(-1, keepdim=True)), None


def layer_norm(x, weight, bias, eps=1e-5):
    return (Standardize.apply(x.double(), eps) * weight.double() + bias.double()).to(x.dtype)


def rms_norm(x, weight, eps=1e-6):
    rows = x.double()
    return (rows * weight.double() * torch.rsqrt(rows.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


class BatchNorm(nn.Module):
    def __init__(self, features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.hyper = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x):
        (eps, momentum), values = self.hyper, x.double().transpose(0, 1).flatten(1)
        if self.training:
            if values.shape[1] < 2:
                raise ValueError(values.shape)
            fresh = values.detach().mean(1), values.detach().var(1)
            for running, new in zip((self.running_mean, self.running_var), fresh, strict=True):
                running.copy_((1 - momentum) * running.double() + momentum * new)
            y = Standardize.apply(values, eps)
        else:
            y = (values - self.running_mean.double()[:, None]) / (self.running_var.double()[:, None] + eps).sqrt()
        y = y * self.weight.double()[:, None] + self.bias.double()[:, None]
        return y.unflatten(1, (x.shape[0], *x.shape[2:])).transpose(0, 1).to(x.dtype)
