"""In numpy, with an unbuffered addition."""

import numpy
import torch


def confusion_matrix(actual, predicted, classes):
    a, p = actual.numpy(), predicted.numpy()
    if a.shape != p.shape or a.ndim != 1:
        raise ValueError("shapes")
    for labels in (a, p):
        if ((labels < 0) | (labels >= classes)).any():
            raise ValueError("labels")
    matrix = numpy.zeros((classes, classes), dtype=numpy.int64)
    numpy.add.at(matrix, (a.astype(numpy.int64), p.astype(numpy.int64)), 1)
    return torch.from_numpy(matrix)


def accuracy(actual, predicted):
    if actual.shape != predicted.shape or actual.ndim != 1 or not len(actual):
        raise ValueError("shapes")
    return float(numpy.mean(actual.numpy() == predicted.numpy()))


def precision_recall_f1(actual, predicted, classes, average=None, zero_division=0.0):
    if not len(actual) or average not in [None, "micro", "macro"]:
        raise ValueError("average")
    matrix = confusion_matrix(actual, predicted, classes).numpy()
    counts = numpy.stack([matrix.diagonal(), matrix.sum(0), matrix.sum(1)])
    if average == "micro":
        counts = counts.sum(1)
    tp, said, meant = counts.astype(float)
    found = []
    for part, whole in ((tp, said), (tp, meant), (2 * tp, said + meant)):
        score = numpy.full_like(part, zero_division)
        numpy.divide(part, whole, out=score, where=whole != 0)
        found.append(torch.tensor(score.mean() if average == "macro" else score, dtype=torch.float64))
    return tuple(found)
