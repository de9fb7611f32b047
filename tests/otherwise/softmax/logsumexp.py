import numpy
import torch


def softmax(x, dim=-1, temperature=1.0):
    """exp(x - logsumexp(x)), in float64: there x / temperature overflows for no entry of a smaller dtype."""
    if not numpy.isfinite(temperature) or temperature <= 0:
        raise ValueError("temperature")
    nothing = (x == -torch.inf).all(dim, keepdim=True)
    scaled = (x.double() / temperature).masked_fill(nothing, 0.0)
    return torch.exp(scaled - scaled.logsumexp(dim, keepdim=True)).masked_fill(nothing, 0.0).to(x.dtype)


def softmax_jvp(p, v, dim=-1, temperature=1.0):
    if not numpy.isfinite(temperature) or temperature <= 0:
        raise ValueError("temperature")
    shares, direction = p.detach().double().numpy(), v.detach().double().numpy()
    product = shares * (direction - (shares * direction).sum(dim, keepdims=True)) / temperature
    return torch.from_numpy(product).to(p.dtype)
