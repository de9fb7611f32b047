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
    raise NotImplementedError
