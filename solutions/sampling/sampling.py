import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def distribution(
    logits: Float[Tensor, "... vocabulary"], temperature: float = 1.0, top_k: int | None = None, top_p: float = 1.0
) -> Float[Tensor, "... vocabulary"]:
    """The probabilities from which the next token is drawn, in at least float32: temperature first, then top-k, then top-p.

    Temperature 0 is greedy. Raises ValueError unless 0 <= temperature < inf, top_k >= 1 and 0 < top_p <= 1.
    Source: Fan et al. 2018 (top-k), Holtzman et al. 2020 (top-p).
    """
    if not 0 <= temperature < math.inf or (top_k is not None and top_k < 1) or not 0 < top_p <= 1:  # NaN is refused too
        raise ValueError(f"temperature {temperature}, top_k {top_k}, top_p {top_p}")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # a running sum in bfloat16 stalls at 1/256 of itself
    if temperature == 0:
        top_k = 1  # greedy is top-1, so there is no second rule for ties
    else:
        # The largest becomes 0 before the division: a low temperature then makes -inf, and never inf - inf.
        logits = (logits - logits.amax(-1, keepdim=True)) / temperature
    if top_k is None and top_p == 1:
        return logits.softmax(-1)

    # One ranking serves both filters, and ties fall to the lower index in both: `topk` would not promise that.
    ranked, order = logits.sort(descending=True, stable=True)
    if top_k is not None:
        ranked[..., top_k:] = -math.inf
    probabilities = ranked.softmax(-1)  # so top-p below counts within what top-k has left
    if top_p < 1:  # not for 1: in float32 the sum gets there before the tail does
        above = probabilities.cumsum(-1) - probabilities  # exactly 0 for the first token, which therefore stays
        probabilities = probabilities.masked_fill(above >= top_p, 0.0)
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    return probabilities.scatter(-1, order, probabilities)  # back to the order of the vocabulary; every place is written


def sample(
    logits: Float[Tensor, "... vocabulary"],
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Int64[Tensor, "..."]:
    """One token per row, drawn from `distribution` with `generator`, or with torch's global one."""
    probabilities = distribution(logits, temperature, top_k, top_p)
    rows = probabilities.reshape(-1, probabilities.shape[-1])  # multinomial knows one leading axis at most
    return torch.multinomial(rows, 1, generator=generator).reshape(logits.shape[:-1])
