"""What the audit, the diagnosis and the clock ask of a submission."""

import torch
from torch import Tensor

from grader.kit import Submission, refuses, scattered, workload

AVERAGES = (None, "macro", "micro")


def labels(seed: int, n: int, classes: int) -> Tensor:
    return torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))


def scores(submission: Submission, actual: Tensor, predicted: Tensor, classes: int, *settings: object) -> Tensor:
    return torch.stack(submission.precision_recall_f1(actual, predicted, classes, *settings))


@workload(time=1, memory=1, n=[2**16, 2**17, 2**18, 2**19])
def many_examples(submission: Submission, seed: int, n: int) -> dict[str, Tensor]:
    """The one that is timed: as many labels as an evaluation of next-token predictions has, of a hundred classes."""
    actual, predicted = labels(seed, n, 100), labels(seed + 1, n, 100)
    found = scores(submission, actual, predicted, 100, "macro")
    return {"scores": found, "accuracy": torch.tensor(submission.accuracy(actual, predicted), dtype=torch.float64)}


@workload()
def a_few_classes(submission: Submission, seed: int) -> dict[str, Tensor]:
    actual, predicted = labels(seed, 50, 4), labels(seed + 1, 50, 4)
    share = submission.accuracy(actual, predicted)
    found = {"matrix": submission.confusion_matrix(actual, predicted, 4), "accuracy": torch.tensor(share).double()}
    found["is a float"] = torch.tensor(type(share) is float)
    return found | {str(average): scores(submission, actual, predicted, 4, average) for average in AVERAGES}


@workload()
def nothing_to_divide_by(submission: Submission, seed: int) -> dict[str, Tensor]:
    """Two classes that are never recognized, one never predicted, one that never occurs, two that nobody mentions."""
    actual = torch.tensor([0, 0, 1, 1, 1, 2, 2, 4])
    predicted = torch.tensor([0, 3, 0, 2, 3, 1, 0, 0])
    settings = [(average, value) for average in AVERAGES for value in (0.0, 0.5, 1.0)]
    return {str(each): scores(submission, actual, predicted, 7, *each) for each in settings}


@workload()
def ends(submission: Submission, seed: int) -> dict[str, Tensor]:
    """One class, one example, all right, all wrong, none."""
    ones, mine = torch.zeros(3, dtype=torch.int64), labels(seed, 9, 3)
    pairs = {"one class": (ones, ones, 1), "one example": (mine[:1], mine[-1:], 3), "right": (mine, mine, 3)}
    pairs |= {"wrong": (mine, (mine + 1) % 3, 3)}
    found = {f"{name} {average}": scores(submission, *pair, average) for name, pair in pairs.items() for average in AVERAGES}
    return found | {"none": submission.confusion_matrix(ones[:0], ones[:0], 3)}


@workload()
def unusual_tensors(submission: Submission, seed: int) -> dict[str, Tensor]:
    actual, predicted = labels(seed, 300, 30), labels(seed + 1, 300, 30)
    dtypes = torch.uint8, torch.int8, torch.int16, torch.int32
    found = {f"{dtype}": submission.confusion_matrix(actual.to(dtype), predicted.to(dtype), 30) for dtype in dtypes}
    found["mixed"] = scores(submission, actual.to(torch.uint8), predicted, 30, "macro")
    found["scattered"] = submission.confusion_matrix(scattered(actual), scattered(predicted), 30)
    return found | {"actual": actual, "predicted": predicted}


@workload()
def refusals(submission: Submission, seed: int) -> dict[str, Tensor]:
    x, none = labels(seed, 4, 3), torch.zeros(0, dtype=torch.int64)
    pairs = [(x, x), (none, none), (x, x[:1]), (x[:, None], x), (x[:, None], x[:, None])]
    pairs += [(x.clone().index_fill_(0, torch.tensor([1]), stray), x) for stray in (-100, -1, 3, 4)]
    pairs += [(two, one) for one, two in pairs[5:]]
    refused = [[refuses(ValueError, submission.confusion_matrix, *pair, 3) for pair in pairs]]
    for average in (*AVERAGES, "weighted", ""):
        refused.append([refuses(ValueError, submission.precision_recall_f1, *pair, 3, average) for pair in pairs])
    refused.append([refuses(ValueError, submission.accuracy, *pair) for pair in pairs])
    return {"refused": torch.tensor(refused)}
