import torch
from torch import nn


def layer_norm(x, weight, bias, eps=1e-5):
    return by_row(x, lambda row: (row - row.mean()) / (row.var(correction=0) + eps).sqrt() * weight + bias)


def rms_norm(x, weight, eps=1e-6):
    return by_row(x, lambda row: row / (row.dot(row) / len(row) + eps).sqrt() * weight)


def by_row(x, function):
    rows = [function(row) for row in x.double().reshape(-1, x.shape[-1])]
    return torch.stack(rows).reshape(x.shape).to(x.dtype) if rows else x.clone()


class BatchNorm(nn.Module):
    """One feature after the other."""

    def __init__(self, features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x):
        count = x.numel() // x.shape[1]
        if self.training and count < 2:
            raise ValueError(count)
        features = []
        for f in range(x.shape[1]):
            values = x[:, f].double()
            if self.training:
                mean, deviation = values.mean(), values - values.mean()
                variance = deviation.square().sum() / count
                for running, new in ((self.running_mean, mean), (self.running_var, variance * count / (count - 1))):
                    running[f] = (1 - self.momentum) * running[f] + self.momentum * new.item()
            else:
                mean, variance = self.running_mean[f], self.running_var[f]
            features.append((values - mean) / (variance + self.eps).sqrt() * self.weight[f] + self.bias[f])
        return torch.stack(features, 1).to(x.dtype)
