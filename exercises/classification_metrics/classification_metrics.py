import torch
from jaxtyping import Float64, Int64, Integer
from torch import Tensor


def confusion_matrix(
    actual: Integer[Tensor, " n"], predicted: Integer[Tensor, " n"], classes: int
) -> Int64[Tensor, "classes classes"]:
    """How often each class (row) was taken for each (column).

    Raises ValueError for other shapes than two equal ones [n], and for a label outside 0 … classes - 1.
    """
    raise NotImplementedError


def accuracy(actual: Integer[Tensor, " n"], predicted: Integer[Tensor, " n"]) -> float:
    """The share of the examples that were predicted right. Raises ValueError for unequal shapes, and without examples."""
    raise NotImplementedError


def precision_recall_f1(
    actual: Integer[Tensor, " n"],
    predicted: Integer[Tensor, " n"],
    classes: int,
    average: str | None = None,
    zero_division: float = 0.0,
) -> tuple[Float64[Tensor, "..."], Float64[Tensor, "..."], Float64[Tensor, "..."]]:
    """Precision, recall and F1: of each class [classes], or "micro" or "macro" averages []. 0 / 0 is `zero_division`.

    Raises ValueError as confusion_matrix does, for any other `average`, and without examples.
    """
    raise NotImplementedError
