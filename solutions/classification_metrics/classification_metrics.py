import torch
from jaxtyping import Float64, Int64, Integer
from torch import Tensor


def confusion_matrix(
    actual: Integer[Tensor, " n"], predicted: Integer[Tensor, " n"], classes: int
) -> Int64[Tensor, "classes classes"]:
    """How often each class (row) was taken for each (column).

    Raises ValueError for other shapes than two equal ones [n], and for a label outside 0 … classes - 1.
    """
    if actual.ndim != 1 or actual.shape != predicted.shape:  # [n] beside [n, 1] would broadcast to n * n comparisons
        raise ValueError(f"labels of shapes {list(actual.shape)} and {list(predicted.shape)}")
    actual, predicted = actual.long(), predicted.long()  # before the arithmetic: uint8 would wrap at 256 cells
    if any(((labels < 0) | (labels >= classes)).any() for labels in (actual, predicted)):
        raise ValueError(f"a label outside 0 … {classes - 1}")  # unnoticed, it would count in a cell of the next row
    return torch.bincount(actual * classes + predicted, minlength=classes**2).reshape(classes, classes)


def accuracy(actual: Integer[Tensor, " n"], predicted: Integer[Tensor, " n"]) -> float:
    """The share of the examples that were predicted right. Raises ValueError for unequal shapes, and without examples."""
    if actual.ndim != 1 or actual.shape != predicted.shape or len(actual) == 0:
        raise ValueError(f"labels of shapes {list(actual.shape)} and {list(predicted.shape)}")
    return int((actual == predicted).sum()) / len(actual)


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
    if average not in (None, "micro", "macro") or len(actual) == 0:
        raise ValueError(f"average {average!r} of {len(actual)} examples")
    counts = confusion_matrix(actual, predicted, classes).double()  # float32 stops counting at 2 ** 24
    hits, said, meant = counts.diagonal(), counts.sum(0), counts.sum(1)
    if average == "micro":
        hits, said, meant = hits.sum(), said.sum(), meant.sum()  # counts are pooled, before any division
    # F1 = 2PR / (P + R), written in counts: it needs neither P nor R, so it is 0 / 0 only for a class that nobody mentioned.
    ratios = (hits, said), (hits, meant), (2 * hits, said + meant)
    precision, recall, f1 = (torch.where(whole > 0, part / whole, zero_division) for part, whole in ratios)
    if average == "macro":
        return precision.mean(), recall.mean(), f1.mean()
    return precision, recall, f1
