"""Keeps by comparison with a rank for each token, and draws by the Gumbel-max trick."""

import math

import torch


def ranks(logits):
    """How many tokens stand above each: those with a larger logit, and equal ones with a lower index."""
    return logits.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)


def distribution(logits, temperature=1.0, top_k=None, top_p=1.0):
    if not (0 <= temperature < math.inf and 0 < top_p <= 1):
        raise ValueError("temperature or top_p")
    if top_k is not None and top_k < 1:
        raise ValueError("top_k")
    logits = logits.double() if logits.dtype == torch.float64 else logits.float()
    rank = ranks(logits)
    keep = torch.ones_like(rank, dtype=torch.bool) if top_k is None else rank < top_k
    if temperature == 0:
        return (rank == 0).to(logits.dtype)
    logits = (logits - logits.max(-1, keepdim=True).values) / temperature
    logits = torch.where(keep, logits, -math.inf)
    if top_p < 1:
        probabilities = logits.softmax(-1)
        by_rank = torch.zeros_like(probabilities).scatter(-1, rank, probabilities)
        needed = (by_rank.cumsum(-1) < top_p).sum(-1, keepdim=True)  # the rank of the token that crosses
        logits = torch.where(rank <= needed, logits, -math.inf)
    return logits.softmax(-1)


def sample(logits, temperature=1.0, top_k=None, top_p=1.0, generator=None):
    scores = distribution(logits, temperature, top_k, top_p).double().log()
    noise = -torch.empty_like(scores).exponential_(generator=generator).log()
    return (scores + noise).argmax(-1)
