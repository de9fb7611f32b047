import torch


class Shares(torch.autograd.Function):
    """Along the last axis; backward from the result alone, through the product that the exercise asks for."""

    @staticmethod
    def forward(ctx, x):
        top = torch.nan_to_num(x.max(-1, keepdim=True).values, neginf=0.0)
        powers = torch.exp2((x - top) * 1.4426950408889634)
        total = powers.sum(-1, keepdim=True)
        p = torch.where(total > 0, powers / total, 0.0)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx, gradient):
        (p,) = ctx.saved_tensors
        return along_the_last(p, gradient)


def along_the_last(p, v):
    return p * v - p * torch.einsum("...n, ...n -> ...", p, v).unsqueeze(-1)


def softmax(x, dim=-1, temperature=1.0):
    checked(temperature)
    turned = x.double().transpose(dim, -1) / temperature
    return Shares.apply(turned).transpose(dim, -1).to(x.dtype)


def softmax_jvp(p, v, dim=-1, temperature=1.0):
    checked(temperature)
    product = along_the_last(p.double().transpose(dim, -1), v.double().transpose(dim, -1))
    return (product.transpose(dim, -1) / temperature).to(p.dtype)


def checked(temperature):
    if temperature in (float("inf"), float("-inf")) or not temperature > 0:
        raise ValueError("no temperature")
