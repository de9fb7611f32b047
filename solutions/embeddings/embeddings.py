import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Embedding(nn.Module):
    """A table of `num_embeddings` learned vectors, its `weight` drawn from N(0, 1), looked up by row number.

    The padding row (a negative `padding_idx` counts from the end) starts at zero and gets no gradient.
    Source: Bengio et al. 2003; the conventions are those of torch.nn.Embedding.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        super().__init__()
        weight = torch.randn(num_embeddings, embedding_dim)
        if padding_idx is not None:  # row 0 may pad too, so ask for None and not for truth
            padding_idx %= num_embeddings  # ids are never negative: -1 would match none of them
            weight[padding_idx] = 0
        self.weight = nn.Parameter(weight)
        self.padding_idx = padding_idx

    def forward(self, ids: Int[Tensor, "..."]) -> Float[Tensor, "... d"]:
        """Row `ids[...]` of `weight`. Raises TypeError for floating ids, IndexError for an id outside 0 … v - 1."""
        flat = ids.reshape(-1)
        _check(flat, len(self.weight))
        rows = self.weight.index_select(0, flat)  # like weight[ids], but its backward adds whole rows: up to twice as fast
        if self.padding_idx is not None:
            is_padding = (flat == self.padding_idx)[:, None]
            rows = torch.where(is_padding, rows.detach(), rows)  # the value stays as it was loaded; only the gradient stops
        return rows.reshape(*ids.shape, self.weight.shape[1])


def embedding_grad(
    grad_output: Float[Tensor, "... d"], ids: Int[Tensor, "..."], num_embeddings: int, padding_idx: int | None = None
) -> Float[Tensor, "v d"]:
    """The gradient of `weight`, where `grad_output` is that of `weight[ids]`. Zero in the padding row.

    Raises TypeError for floating ids, IndexError for an id outside 0 … num_embeddings - 1. Source: torch.nn.Embedding.
    """
    flat = ids.reshape(-1)
    _check(flat, num_embeddings)
    d = grad_output.shape[-1]
    # A lookup is one_hot(ids) @ weight, so this is one_hot(ids).T @ grad_output: every use of a row adds to its gradient.
    grad = grad_output.new_zeros(num_embeddings, d).index_add(0, flat, grad_output.reshape(-1, d))
    if padding_idx is not None:
        grad[padding_idx] = 0
    return grad


def most_similar(weight: Float[Tensor, "v d"], index: int, k: int) -> tuple[Int[Tensor, " k"], Float[Tensor, " k"]]:
    """The `k` rows with the largest cosine to row `index`, itself left out: their indices and cosines, descending.

    A zero row has cosine 0. Raises IndexError for an index outside 0 … v - 1, ValueError for k outside 1 … v - 1.
    Source: Mikolov et al. 2013, word2vec.
    """
    v = len(weight)
    if index not in range(v):
        raise IndexError(f"there are rows 0 to {v - 1}, not {index}")
    if k not in range(1, v):
        raise ValueError(f"{v} rows leave 1 to {v - 1} neighbours, not {k}")
    norms = torch.linalg.vector_norm(weight, dim=1)
    norms = norms.masked_fill(norms == 0, torch.inf)  # 0 / inf is the wanted 0; an epsilon of 1e-8 is itself 0 in float16
    cosines = weight @ (weight[index] / norms[index]) / norms  # dividing after the product needs no second table
    cosines[index] = -torch.inf  # leave the row out by number, not by rank: a parallel row may tie with it for the first place
    found, indices = cosines.topk(k)
    return indices, found


def _check(ids: Int[Tensor, " n"], rows: int) -> None:
    """An id out of range must not wrap around, and on a GPU it would stop the whole process."""
    if ids.is_floating_point():
        raise TypeError(f"ids are whole numbers, not {ids.dtype}")
    if ((ids < 0) | (ids >= rows)).any():
        raise IndexError(f"there are rows 0 to {rows - 1}")
