"""Counts in Python's integers, one example at a time."""

import torch


def pairs_of(actual, predicted):
    if actual.dim() != 1 or actual.size() != predicted.size():
        raise ValueError("shapes")
    return list(zip(actual.tolist(), predicted.tolist(), strict=True))


def confusion_matrix(actual, predicted, classes):
    matrix = [[0] * classes for _ in range(classes)]
    for meant, said in pairs_of(actual, predicted):
        if min(meant, said) < 0 or max(meant, said) >= classes:
            raise ValueError("no class")
        matrix[meant][said] += 1
    return torch.tensor(matrix)


def accuracy(actual, predicted):
    pairs = pairs_of(actual, predicted)
    if not pairs:
        raise ValueError("no examples")
    return sum(meant == said for meant, said in pairs) / len(pairs)


def scores(tp, fp, fn, zero_division):
    ratio = lambda part, whole: part / whole if whole else float(zero_division)
    return ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(2 * tp, 2 * tp + fp + fn)


def precision_recall_f1(actual, predicted, classes, average=None, zero_division=0.0):
    matrix = confusion_matrix(actual, predicted, classes).tolist()
    if average not in (None, "micro", "macro") or len(actual) == 0:
        raise ValueError("nothing to average, or no such average")
    counts = []
    for c in range(classes):
        tp = matrix[c][c]
        counts.append((tp, sum(row[c] for row in matrix) - tp, sum(matrix[c]) - tp))
    if average == "micro":
        found = scores(*(sum(column) for column in zip(*counts, strict=True)), zero_division)
    else:
        found = list(zip(*(scores(*count, zero_division) for count in counts), strict=True))
        if average == "macro":
            found = [sum(column) / classes for column in found]
    return tuple(torch.tensor(score, dtype=torch.float64) for score in found)
