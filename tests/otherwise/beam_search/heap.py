"""Python lists and a heap of the best, one extension at a time."""

import heapq
import math

import torch


def beam_search(model, prompt, beams, max_new, eos, alpha=1.0):
    if beams < 1 or max_new < 1 or alpha < 0 or math.isnan(alpha):
        raise ValueError("settings")
    start = prompt.tolist()
    still_open, finished, born = [(0.0, [])], [], 0
    for n in range(1, max_new + 1):
        numbers = model(torch.tensor([start + tokens for _, tokens in still_open])).tolist()
        every = (
            (-(total + number), rank, token)
            for rank, ((total, _), row) in enumerate(zip(still_open, numbers, strict=True))
            for token, number in enumerate(row)
            if number != -math.inf
        )
        following = []
        for place, (cost, rank, token) in enumerate(heapq.nsmallest(2 * beams, every)):
            tokens = [*still_open[rank][1], token]
            if token != eos:
                following.append((-cost, tokens))
            elif place < beams:
                finished.append((cost / n**alpha, born, tokens))
                born += 1
        still_open = following[:beams]
        finished = heapq.nsmallest(beams, finished)
        if not still_open:
            break
        if len(finished) == beams and -still_open[0][0] / max_new**alpha >= finished[-1][0]:
            still_open = []
            break
    for total, tokens in still_open:
        finished.append((-total / max_new**alpha, born, tokens))
        born += 1
    return [(tokens, -cost) for cost, _, tokens in heapq.nsmallest(beams, finished)]
