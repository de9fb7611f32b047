"""Log-probabilities by logsumexp, an indexed lookup, and autograd for the rest."""

import torch


def wide(x):
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def log_softmax(logits, dim=-1):
    return (wide(logits) - wide(logits).logsumexp(dim, keepdim=True)).to(logits.dtype)


def check(logits, targets, ignore_index):
    stray = (targets != ignore_index) & ((targets < 0) | (targets >= logits.shape[-1]))
    if stray.any():
        raise IndexError(f"stray targets {targets[stray].tolist()}")


def cross_entropy(logits, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    if reduction not in {"mean", "sum", "none"}:
        raise ValueError(reduction)
    check(logits, targets, ignore_index)
    kept = (targets != ignore_index).nonzero().squeeze(-1)
    x = wide(logits)[kept]
    weight = torch.ones_like(logits[0]) if weight is None else weight
    costs = (x.logsumexp(-1, keepdim=True) - x) * weight.to(x.dtype)
    losses = costs[torch.arange(len(kept)), targets[kept]].lerp(costs.mean(-1), label_smoothing)
    if reduction == "none":
        return x.new_zeros(len(targets)).index_put((kept,), losses).to(logits.dtype)
    if reduction == "sum" or len(kept) == 0:
        return losses.sum().to(logits.dtype)
    return (losses.sum() / weight.to(x.dtype)[targets[kept]].sum()).to(logits.dtype)


def cross_entropy_grad(logits, targets):
    check(logits, targets, -100)
    kept = targets != -100
    probabilities, own = wide(logits).softmax(-1), (kept.nonzero().squeeze(-1), targets[kept])
    gradient = probabilities.index_put(own, probabilities[own] - 1)
    return (gradient * kept.unsqueeze(-1) / max(kept.sum().item(), 1)).to(logits.dtype)


def perplexity(mean_loss):
    return mean_loss.exp() if isinstance(mean_loss, torch.Tensor) else torch.tensor(mean_loss, dtype=torch.float64).exp().item()
