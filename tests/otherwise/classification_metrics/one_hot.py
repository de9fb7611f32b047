"""One-hot columns, products of them, and a product for the averages."""

import torch
from torch.nn import functional as F


def checked(labels, classes):
    labels = labels.to(torch.int64)
    if labels.numel() and (labels.min() < 0 or labels.max() > classes - 1):
        raise ValueError("labels")
    return F.one_hot(labels, classes).double()


def confusion_matrix(actual, predicted, classes):
    if not (actual.ndim == predicted.ndim == 1 and len(actual) == len(predicted)):
        raise ValueError("shapes")
    return torch.einsum("ni,nj->ij", checked(actual, classes), checked(predicted, classes)).long()


def accuracy(actual, predicted):
    if not (actual.ndim == predicted.ndim == 1 and len(actual) == len(predicted) > 0):
        raise ValueError("shapes")
    return 1.0 - (actual != predicted).double().mean().item()


def precision_recall_f1(actual, predicted, classes, average=None, zero_division=0.0):
    if average not in {None, "micro", "macro"} or actual.numel() == 0:
        raise ValueError("average")
    matrix = confusion_matrix(actual, predicted, classes).double()
    pool = torch.ones(1, classes, dtype=torch.float64) if average == "micro" else torch.eye(classes, dtype=torch.float64)
    tp, columns, rows = pool @ matrix.diag(), pool @ matrix.sum(0), pool @ matrix.sum(1)
    quotients = torch.stack([tp / columns, tp / rows, tp / ((columns + rows) / 2)])
    quotients[quotients.isnan()] = zero_division
    if average is not None:
        quotients = quotients.mean(1)
    return tuple(quotients)
