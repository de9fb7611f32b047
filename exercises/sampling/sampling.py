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
    raise NotImplementedError


def sample(
    logits: Float[Tensor, "... vocabulary"],
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Int64[Tensor, "..."]:
    """One token per row, drawn from `distribution` with `generator`, or with torch's global one."""
    raise NotImplementedError
