import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, sampled_from

from exercises.classification_metrics.classification_metrics import accuracy, confusion_matrix, precision_recall_f1
from grader.kit import agrees, refuses, scattered, seeds

forbids = []

few = settings(max_examples=10)
averages = sampled_from([None, "macro", "micro"])
values_of_nothing = sampled_from([0.0, 0.5, 1.0])


def labels(seed, n, classes):
    return torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))


@composite
def examples(draw, most=5):
    """What is true of a few examples, what was predicted, and how many classes there are."""
    seed, n, classes = draw(seeds), draw(integers(1, 12)), draw(integers(1, most))
    return labels(seed, n, classes), labels(seed + 1, n, classes), classes


@composite
def with_every_class(draw):
    """The same, where each class occurs and is predicted, and not always rightly."""
    actual, predicted, classes = draw(examples())
    return torch.cat([actual, torch.arange(classes)]), torch.cat([predicted, torch.arange(classes).roll(1)]), classes


def counts(actual, predicted, which):
    """Of one class: how often it was recognized, predicted and present."""
    pairs = list(zip(actual.tolist(), predicted.tolist(), strict=True))
    return pairs.count((which, which)), sum(said == which for _, said in pairs), sum(meant == which for meant, _ in pairs)


def ratios(parts, wholes, otherwise=0.0):
    return torch.tensor([p / w if w else otherwise for p, w in zip(parts, wholes, strict=True)], dtype=torch.float64)


def by_class(actual, predicted, classes, otherwise=0.0):
    """Precision, recall and F1 of each class, by counting."""
    hits, said, meant = zip(*(counts(actual, predicted, which) for which in range(classes)), strict=True)
    both = [s + m for s, m in zip(said, meant, strict=True)]
    return ratios(hits, said, otherwise), ratios(hits, meant, otherwise), ratios([2 * h for h in hits], both, otherwise)


@given(examples())
def test_the_matrix_counts_every_pair(apc):
    """Row i, column j counts the examples of class i that were taken for class j, in int64."""
    actual, predicted, classes = apc
    pairs = list(zip(actual.tolist(), predicted.tolist(), strict=True))
    expected = [[pairs.count((i, j)) for j in range(classes)] for i in range(classes)]
    agrees(confusion_matrix(actual, predicted, classes), torch.tensor(expected))


@few
@given(integers(1, 5))
def test_no_examples_make_a_matrix_of_zeros(classes):
    """Without examples every count is 0."""
    none = torch.zeros(0, dtype=torch.int64)
    agrees(confusion_matrix(none, none, classes), torch.zeros(classes, classes, dtype=torch.int64))


@given(examples())
def test_accuracy_is_the_share_that_is_right(apc):
    """Accuracy is the number of examples that were predicted right over their number, as a Python float."""
    pairs = list(zip(apc[0].tolist(), apc[1].tolist(), strict=True))
    agrees(accuracy(apc[0], apc[1]), sum(meant == said for meant, said in pairs) / len(pairs))


@given(with_every_class())
def test_precision_divides_by_what_was_predicted(apc):
    """Precision is the share of a class's predictions that are right."""
    agrees(precision_recall_f1(*apc)[0], by_class(*apc)[0])


@given(with_every_class())
def test_recall_divides_by_what_is_there(apc):
    """Recall is the share of a class's examples that were recognized."""
    agrees(precision_recall_f1(*apc)[1], by_class(*apc)[1])


@given(with_every_class())
def test_f1_is_the_harmonic_mean(apc):
    """Where a class is recognized at least once, 1 / F1 is the mean of 1 / precision and 1 / recall; else F1 is 0."""
    precision, recall, _ = by_class(*apc)
    agrees(precision_recall_f1(*apc)[2], torch.where(precision > 0, 2 / (1 / precision + 1 / recall), 0.0))


@few
@given(examples(), values_of_nothing)
def test_precision_of_a_class_that_was_never_predicted(apc, zero_division):
    """A class that was never predicted has the precision zero_division, and others are not affected."""
    actual, predicted, classes = apc[0], apc[1], apc[2] + 2
    expected = by_class(actual, predicted, classes, zero_division)
    agrees(precision_recall_f1(actual, predicted, classes, zero_division=zero_division)[0], expected[0])


@few
@given(examples(), values_of_nothing)
def test_recall_of_a_class_that_never_occurs(apc, zero_division):
    """A class that never occurs has the recall zero_division, and others are not affected."""
    actual, predicted, classes = apc[0], apc[1], apc[2] + 2
    expected = by_class(actual, predicted, classes, zero_division)
    agrees(precision_recall_f1(actual, predicted, classes, zero_division=zero_division)[1], expected[1])


@few
@given(examples(), values_of_nothing)
def test_f1_of_a_class_that_nobody_mentioned(apc, zero_division):
    """A class that neither occurs nor was predicted has the F1 zero_division."""
    actual, predicted, classes = apc
    agrees(
        precision_recall_f1(actual, predicted, classes + 1, zero_division=zero_division)[2][-1],
        torch.tensor(zero_division, dtype=torch.float64),
    )


@few
@given(integers(1, 5), integers(1, 5))
def test_f1_of_a_class_that_is_always_missed_is_zero(of_the_first, of_the_second):
    """Where everything is taken for something else, F1 is 0, even if zero_division is 1."""
    actual = torch.tensor([0] * of_the_first + [1] * of_the_second)
    for predicted in (1 - actual, torch.full_like(actual, 2)):
        agrees(precision_recall_f1(actual, predicted, 3, zero_division=1.0)[2][:2], torch.zeros(2, dtype=torch.float64))


@few
@given(with_every_class())
def test_macro_precision_and_recall_are_means_over_classes(apc):
    """With "macro", precision and recall are the means of those of the classes."""
    for got, of_classes in zip(precision_recall_f1(*apc, average="macro")[:2], by_class(*apc), strict=False):
        agrees(got, of_classes.mean())


@few
@given(with_every_class(), integers(0, 3), values_of_nothing)
def test_macro_f1_is_the_mean_of_the_f1s(apc, more, zero_division):
    """With "macro", F1 is the mean of the classes' F1, not the F1 of the means."""
    actual, predicted, classes = apc
    precise, complete = classes, classes + 1  # two classes more, with 1 and 1/3, and 1/3 and 1
    actual = torch.cat([actual, torch.tensor([precise, precise, precise, complete])])
    predicted = torch.cat([predicted, torch.tensor([precise, complete, complete, complete])])
    f1 = by_class(actual, predicted, classes + 2 + more, zero_division)[2]
    agrees(precision_recall_f1(actual, predicted, classes + 2 + more, "macro", zero_division)[2], f1.mean())


@few
@given(with_every_class(), sampled_from(["macro", "micro"]), integers(1, 9))
def test_no_class_is_special(apc, average, times):
    """Where the classes are numbered the other way round, the averages are the same."""
    easy, last = torch.zeros(times, dtype=torch.int64), apc[2]  # class 0 is the best, and the last one is not there
    actual, predicted = torch.cat([apc[0], easy]), torch.cat([apc[1], easy])
    renumbered = precision_recall_f1(last - actual, last - predicted, last + 1, average)
    for got, expected in zip(renumbered, precision_recall_f1(actual, predicted, last + 1, average), strict=True):
        agrees(got, expected)


@few
@given(with_every_class(), integers(1, 3), values_of_nothing)
def test_a_class_that_nobody_mentioned_takes_part_in_the_mean(apc, more, zero_division):
    """Classes that neither occur nor were predicted count in the mean of precision and of recall, with zero_division."""
    actual, predicted, classes = apc[0], apc[1], apc[2] + more
    found = precision_recall_f1(actual, predicted, classes, "macro", zero_division)[:2]
    for got, of_classes in zip(found, by_class(actual, predicted, classes, zero_division), strict=False):
        agrees(got, of_classes.mean())


@few
@given(examples())
def test_micro_averages_are_the_accuracy(apc):
    """With one label per example, "micro" precision, recall and F1 are all the accuracy."""
    right = (apc[0] == apc[1]).double().mean()
    for got in precision_recall_f1(*apc, average="micro"):
        agrees(got, right)


@few
@given(examples(), averages, values_of_nothing)
def test_exchanging_truth_and_prediction_exchanges_precision_and_recall(apc, average, zero_division):
    """What is precision one way is recall the other way, and F1 is the same both ways."""
    actual, predicted, classes = apc
    precision, recall, f1 = precision_recall_f1(actual, predicted, classes, average, zero_division)
    for got, expected in zip(
        precision_recall_f1(predicted, actual, classes, average, zero_division), (recall, precision, f1), strict=True
    ):
        agrees(got, expected)


@few
@given(examples())
def test_nothing_over_nothing_is_zero_by_default(apc):
    """Without being told, zero_division is 0."""
    actual, predicted, classes = apc
    for score in precision_recall_f1(actual, predicted, classes + 1):
        agrees(score[-1], torch.tensor(0.0, dtype=torch.float64))


@few
@given(seeds, integers(20, 400))
def test_labels_may_be_of_any_integer_dtype(seed, classes):
    """Labels of a narrow dtype count like any other, even where there are more cells, or classes, than it has numbers."""
    actual, predicted = labels(seed, 100, min(classes, 128)), labels(seed + 1, 100, min(classes, 128))
    expected = torch.zeros(classes, classes, dtype=torch.int64)
    for pair in zip(actual.tolist(), predicted.tolist(), strict=True):
        expected[pair] += 1
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        agrees(confusion_matrix(actual.to(dtype), predicted, classes), expected)
        agrees(confusion_matrix(actual.to(dtype), predicted.to(dtype), classes), expected)


@few
@given(examples())
def test_labels_may_lie_anywhere_and_survive(apc):
    """Labels with gaps between them in memory count like any other, and are not modified."""
    actual, predicted = scattered(apc[0]), scattered(apc[1])
    agrees(precision_recall_f1(actual, predicted, apc[2])[2], by_class(*apc)[2])
    agrees(actual, apc[0])
    agrees(predicted, apc[1])


@few
@given(examples(), sampled_from([-100, -1, 0, 1]))
def test_a_label_that_is_no_class_is_refused(apc, beyond):
    """A label below 0, or classes and more, raises ValueError on either side."""
    actual, predicted, classes = apc
    stray = torch.tensor([beyond if beyond < 0 else classes + beyond])
    for pair in ((torch.cat([actual, stray]), torch.cat([predicted, stray * 0])),
                 (torch.cat([actual, stray * 0]), torch.cat([predicted, stray]))):  # fmt: skip
        assert refuses(ValueError, confusion_matrix, *pair, classes)
        assert refuses(ValueError, precision_recall_f1, *pair, classes)


@few
@given(examples(), averages)
def test_shapes_that_only_broadcast_are_refused(apc, average):
    """Labels of two shapes, and labels with a second axis, raise ValueError everywhere."""
    actual, predicted, classes = torch.cat([apc[0], apc[0]]), torch.cat([apc[1], apc[1]]), apc[2]
    for pair in ((actual, predicted[:1]), (actual[:, None], predicted), (actual[:, None], predicted[:, None])):
        assert refuses(ValueError, accuracy, *pair)
        assert refuses(ValueError, confusion_matrix, *pair, classes)
        assert refuses(ValueError, precision_recall_f1, *pair, classes, average)


@few
@given(averages, values_of_nothing)
def test_a_score_of_nothing_is_refused(average, zero_division):
    """Without examples, accuracy and the other scores raise ValueError."""
    none = torch.zeros(0, dtype=torch.int64)
    assert refuses(ValueError, accuracy, none, none)
    assert refuses(ValueError, precision_recall_f1, none, none, 3, average, zero_division)


@few
@given(examples(), sampled_from(["Macro", "weighted", "", "none"]))
def test_an_unknown_average_is_refused(apc, average):
    """An average other than None, "micro" and "macro" raises ValueError."""
    assert refuses(ValueError, precision_recall_f1, *apc, average)
