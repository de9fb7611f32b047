"""Four mistakes of softmax, made again by another route: each must still be recognized under its name."""

import math

import torch

from grader.kit import instead_of


def possible(temperature):
    if temperature != temperature or temperature <= 0 or temperature == math.inf:
        raise ValueError("temperature")


@instead_of("softmax")
def multiplies_by_the_temperature(x, dim=-1, temperature=1.0):
    possible(temperature)
    precise = x.double() * temperature
    shares = (precise - precise.logsumexp(dim, keepdim=True)).exp()
    return torch.where((precise == -torch.inf).all(dim, keepdim=True), 0.0, shares).to(x.dtype)


@instead_of("softmax")
def subtracts_one_maximum_from_all(x, dim=-1, temperature=1.0):
    possible(temperature)
    largest = max((number for number in x.detach().flatten().tolist() if number > -math.inf), default=0.0)
    powers = torch.pow(math.e, (x.to(torch.promote_types(x.dtype, torch.float32)) - largest) / temperature)
    sums = powers.sum(dim, keepdim=True)
    return (powers / sums.masked_fill(sums == 0, 1)).to(x.dtype)


@instead_of("softmax_jvp")
def takes_the_shares_for_independent(p, v, dim=-1, temperature=1.0):
    possible(temperature)
    p64 = p.double()
    return ((p64 - p64.square()) / temperature * v.double()).to(p.dtype)


@instead_of("softmax_jvp")
def forgets_the_temperature(p, v, dim=-1, temperature=1.0):
    possible(temperature)
    product = p.double() * v.double()
    return (product - p.double() * product.sum(dim, keepdim=True)).to(p.dtype)
