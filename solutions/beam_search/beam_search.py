from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def beam_search(
    model: Callable[[Int64[Tensor, "open length"]], Float[Tensor, "open vocabulary"]],
    prompt: Int64[Tensor, " length"],
    beams: int,
    max_new: int,
    eos: int,
    alpha: float = 1.0,
) -> list[tuple[list[int], float]]:
    """The continuations that a beam of `beams` hypotheses finds, at most so many, each with its score, the best first.

    `model` gives log-probabilities of the next token. A score is a sum of them over n**alpha, for n tokens, `eos` included.
    Raises ValueError unless beams >= 1, max_new >= 1 and alpha >= 0. Source: Graves 2012; Sutskever et al. 2014.
    """
    if beams < 1 or max_new < 1 or not alpha >= 0:
        raise ValueError(f"beams {beams}, max_new {max_new}, alpha {alpha}")
    finished: list[tuple[list[int], float]] = []
    tokens, sums = prompt[None], torch.zeros(1)  # one row, since copies would stay copies; float32, whatever the model has
    for n in range(1, max_new + 1):
        totals = sums[:, None] + model(tokens)
        # Each open hypothesis has one extension by eos, so among twice as many as are needed, enough do go on.
        ranked = _best(totals.flatten(), 2 * beams)
        parents, words = ranked // totals.shape[1], ranked % totals.shape[1]
        tokens, sums = torch.cat([tokens[parents], words[:, None]], dim=1), totals.flatten()[ranked]
        ends = words == eos
        finished += _scored(tokens[:beams][ends[:beams]], sums[:beams][ends[:beams]], n, alpha, len(prompt))
        tokens, sums = tokens[~ends][:beams], sums[~ends][:beams]
        finished = _first(finished, beams)
        # Sums only fall, so no continuation will have a better score than this sum over the longest length.
        if len(sums) == 0 or (len(finished) == beams and float(sums[0]) / max_new**alpha <= finished[-1][1]):
            break
    return _first(finished + _scored(tokens, sums, n, alpha, len(prompt)), beams)


def _best(values: Float[Tensor, " n"], count: int) -> Int64[Tensor, " count"]:
    """Indices of the `count` largest values above -inf, in order; of equal ones, the lowest index first.

    topk alone is quick, but its order of equal values is anybody's guess, and a sort of all is slow.
    """
    threshold = values.topk(min(count, len(values))).values[-1]
    index = ((values >= threshold) & (values > -torch.inf)).nonzero().flatten()
    return index[values[index].argsort(descending=True, stable=True)][:count]


def _scored(
    tokens: Int64[Tensor, "some length"], sums: Float[Tensor, " some"], n: int, alpha: float, skip: int
) -> list[tuple[list[int], float]]:
    return [(row[skip:], total / n**alpha) for row, total in zip(tokens.tolist(), sums.tolist(), strict=True)]


def _first(hypotheses: list[tuple[list[int], float]], count: int) -> list[tuple[list[int], float]]:
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis[1])[:count]  # stable: of equals, the earlier one
