"""One row at a time, in Python's own floats."""

import math

import torch


def of_a_row(row, temperature, top_k, top_p):
    ranking = sorted(range(len(row)), key=lambda token: (-row[token], token))
    if temperature == 0:
        ranking, temperature = ranking[:1], 1.0
    ranking = ranking[:top_k]
    best = row[ranking[0]]
    weights = [math.exp((row[token] - best) / temperature) for token in ranking]
    kept, reached = [], 0.0
    for weight in weights:
        if top_p < 1 and reached >= top_p:
            break
        kept.append(weight)
        reached += weight / math.fsum(weights)
    found = [0.0] * len(row)
    for token, weight in zip(ranking, kept, strict=False):
        found[token] = weight / math.fsum(kept)
    return found


def distribution(logits, temperature=1.0, top_k=None, top_p=1.0):
    if temperature < 0 or not math.isfinite(temperature) or (top_k is not None and top_k <= 0) or not 0 < top_p <= 1:
        raise ValueError("settings")
    rows = [of_a_row(row, temperature, top_k, top_p) for row in logits.reshape(-1, logits.shape[-1]).tolist()]
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    return torch.tensor(rows, dtype=dtype).reshape(logits.shape)


def sample(logits, temperature=1.0, top_k=None, top_p=1.0, generator=None):
    probabilities = distribution(logits, temperature, top_k, top_p)
    tokens = []
    for row in probabilities.reshape(-1, probabilities.shape[-1]).tolist():
        left, token = torch.rand((), generator=generator, dtype=torch.float64).item(), 0
        while left >= row[token] and any(row[token + 1 :]):
            left -= row[token]
            token += 1
        tokens.append(token)
    return torch.tensor(tokens, dtype=torch.int64).reshape(logits.shape[:-1])
