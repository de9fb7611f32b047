"""One recursive step over numpy arrays, with the ties as a sort key of their own."""

import math

import numpy
import torch


def step(model, prompt, rows, sums, n, finished, settings):
    beams, max_new, eos, alpha = settings
    numbers = model(torch.cat([prompt.repeat(len(rows), 1), torch.from_numpy(rows)], 1)).double().numpy()
    totals = sums[:, None] + numbers
    parent, token = numpy.meshgrid(numpy.arange(totals.shape[0]), numpy.arange(totals.shape[1]), indexing="ij")
    allowed = numpy.isfinite(totals)
    totals, parent, token = totals[allowed], parent[allowed], token[allowed]
    order = numpy.lexsort((token, parent, -totals))
    totals, parent, token = totals[order], parent[order], token[order]
    texts = numpy.concatenate([rows[parent[: 2 * beams]], token[: 2 * beams, None]], 1)
    ended = numpy.flatnonzero(token[:beams] == eos)
    finished = finished + [(texts[place].tolist(), float(totals[place]) / n**alpha) for place in ended]
    lasting = numpy.flatnonzero(token[: 2 * beams] != eos)[:beams]
    if n == max_new:
        finished = finished + [(texts[place].tolist(), float(totals[place]) / n**alpha) for place in lasting]
    finished = sorted(finished, key=lambda found: found[1], reverse=True)[:beams]
    if n == max_new or len(lasting) == 0:
        return finished
    if len(finished) == beams and float(totals[lasting[0]]) / max_new**alpha <= finished[-1][1]:
        return finished
    return step(model, prompt, texts[lasting], totals[lasting], n + 1, finished, settings)


def beam_search(model, prompt, beams, max_new, eos, alpha=1.0):
    if beams <= 0 or max_new <= 0:
        raise ValueError("beams or max_new")
    if math.isnan(alpha) or alpha < 0:
        raise ValueError("alpha")
    empty = numpy.zeros((1, 0), dtype=numpy.int64)
    return step(model, prompt, empty, numpy.zeros(1), 1, [], (beams, max_new, eos, alpha))
