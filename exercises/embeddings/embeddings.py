import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Embedding(nn.Module):
    """A table of `num_embeddings` learned vectors, its `weight` drawn from N(0, 1), looked up by row number.

    The padding row (a negative `padding_idx` counts from the end) starts at zero and gets no gradient.
    Source: Bengio et al. 2003; the conventions are those of torch.nn.Embedding.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        raise NotImplementedError

    def forward(self, ids: Int[Tensor, "..."]) -> Float[Tensor, "... d"]:
        """Row `ids[...]` of `weight`. Raises TypeError for floating ids, IndexError for an id outside 0 … v - 1."""
        raise NotImplementedError


def embedding_grad(
    grad_output: Float[Tensor, "... d"], ids: Int[Tensor, "..."], num_embeddings: int, padding_idx: int | None = None
) -> Float[Tensor, "v d"]:
    """The gradient of `weight`, where `grad_output` is that of `weight[ids]`. Zero in the padding row.

    Raises TypeError for floating ids, IndexError for an id outside 0 … num_embeddings - 1. Source: torch.nn.Embedding.
    """
    raise NotImplementedError


def most_similar(weight: Float[Tensor, "v d"], index: int, k: int) -> tuple[Int[Tensor, " k"], Float[Tensor, " k"]]:
    """The `k` rows with the largest cosine to row `index`, itself left out: their indices and cosines, descending.

    A zero row has cosine 0. Raises IndexError for an index outside 0 … v - 1, ValueError for k outside 1 … v - 1.
    Source: Mikolov et al. 2013, word2vec.
    """
    raise NotImplementedError
