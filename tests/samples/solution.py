"""A module."""

import math

import torch
from torch import Tensor, nn

_SECRET = 3  # goes


def half(x: Tensor) -> Tensor:
    """Halve."""
    # a comment of the answer
    return _helper(x) / math.sqrt(4)


class Layer(nn.Module):
    """Kept."""

    size: int = 3

    def forward(self, x: Tensor) -> Tensor:
        return half(x)

    def _inner(self) -> None:
        pass


def _helper(x):
    return x
