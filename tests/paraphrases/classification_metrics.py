"""Four mistakes of classification metrics, made again by another route: each must still be recognized under its name."""

import torch

from grader.kit import instead_of


def refuse_nonsense(actual, predicted, classes, average):
    shapes = {tuple(actual.shape), tuple(predicted.shape), (len(actual),)}
    if len(shapes) > 1 or average not in {None, "macro", "micro"} or len(actual) == 0:
        raise ValueError("shapes or average")
    if min(actual.min(), predicted.min()) < 0 or max(actual.max(), predicted.max()) >= classes:
        raise ValueError("labels")


def one_against_rest(actual, predicted, classes):
    """For each class: true positives, false positives and false negatives."""
    is_there = actual[:, None].long() == torch.arange(classes)
    was_said = predicted[:, None].long() == torch.arange(classes)
    return [x.sum(0).double() for x in (is_there & was_said, ~is_there & was_said, is_there & ~was_said)]


def ratio(part, whole, otherwise):
    return part / whole if whole else torch.tensor(otherwise, dtype=torch.float64)


@instead_of("precision_recall_f1")
def takes_f1_of_the_means(actual, predicted, classes, average=None, zero_division=0.0):
    refuse_nonsense(actual, predicted, classes, average)
    tp, fp, fn = one_against_rest(actual, predicted, classes)
    if average == "micro":
        tp, fp, fn = (x.sum()[None] for x in (tp, fp, fn))
    p = torch.stack([ratio(t, t + f, zero_division) for t, f in zip(tp, fp, strict=True)])
    r = torch.stack([ratio(t, t + f, zero_division) for t, f in zip(tp, fn, strict=True)])
    f1 = torch.stack([ratio(t, t + (a + b) / 2, zero_division) for t, a, b in zip(tp, fp, fn, strict=True)])
    if average == "macro":
        p, r = p.mean(), r.mean()
        return p, r, ratio(p * r, (p + r) / 2, zero_division)
    return (p[0], r[0], f1[0]) if average else (p, r, f1)


@instead_of("precision_recall_f1")
def leaves_absent_classes_out_of_the_mean(actual, predicted, classes, average=None, zero_division=0.0):
    refuse_nonsense(actual, predicted, classes, average)
    names = sorted({*actual.tolist(), *predicted.tolist()}) if average == "macro" else range(classes)
    found, counts = [], one_against_rest(actual, predicted, classes)
    for which in names:
        tp, fp, fn = (x[which] for x in counts)
        found.append(torch.stack([ratio(tp, whole, zero_division) for whole in (tp + fp, tp + fn, tp + (fp + fn) / 2)]))
    if average == "micro":
        return tuple((actual == predicted).double().mean().repeat(3))
    table = torch.stack(found)
    return tuple(table.mean(0)) if average else tuple(table.T)


@instead_of("precision_recall_f1")
def computes_f1_from_precision_and_recall(actual, predicted, classes, average=None, zero_division=0.0):
    refuse_nonsense(actual, predicted, classes, average)
    if average == "micro":
        return tuple((actual == predicted).double().mean().repeat(3))
    tp, fp, fn = one_against_rest(actual, predicted, classes)
    p, r = ((tp / (tp + x)).nan_to_num(zero_division) for x in (fp, fn))
    if average == "macro":
        return p.mean(), r.mean(), (tp / (tp + (fp + fn) / 2)).nan_to_num(zero_division).mean()
    return p, r, (2 / (1 / p + 1 / r)).where(p + r > 0, zero_division)


@instead_of("confusion_matrix")
def writes_each_pair_once(actual, predicted, classes):
    if actual.ndim != 1 or actual.shape != predicted.shape:
        raise ValueError("shapes")
    pairs = {*zip(actual.tolist(), predicted.tolist(), strict=True)}
    if any(not 0 <= label < classes for pair in pairs for label in pair):
        raise ValueError("labels")
    return torch.tensor([[int((i, j) in pairs) for j in range(classes)] for i in range(classes)])
