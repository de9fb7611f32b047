import torch

from grader.kit import instead_of


def check(actual, predicted, classes=None, average=None):
    if actual.ndim != 1 or actual.shape != predicted.shape or average not in (None, "micro", "macro"):
        raise ValueError
    if classes is not None and any(not 0 <= label < classes for labels in (actual, predicted) for label in labels.tolist()):
        raise ValueError


def scored(actual, predicted, classes, average):
    """How often each class was recognized, predicted and present, float64 [classes] each."""
    check(actual, predicted, classes, average)
    if len(actual) == 0:
        raise ValueError
    actual, predicted = actual.long(), predicted.long()
    hits = torch.bincount(actual[actual == predicted], minlength=classes)
    said, meant = (torch.bincount(labels, minlength=classes) for labels in (predicted, actual))
    return hits.double(), said.double(), meant.double()


def divided(part, whole, otherwise):
    return torch.where(whole == 0, otherwise, part / whole)


def scores(hits, said, meant, otherwise):
    return divided(hits, said, otherwise), divided(hits, meant, otherwise), divided(2 * hits, said + meant, otherwise)


def averaged(counts, average, zero_division):
    """The right scores."""
    if average == "micro":
        return scores(*(count.sum() for count in counts), zero_division)
    found = scores(*counts, zero_division)
    return tuple(score.mean() for score in found) if average == "macro" else found


@instead_of("confusion_matrix")
def puts_predictions_into_rows(actual, predicted, classes):
    """Both layouts are in use, and a transposed matrix has the same diagonal and total. What changes is who is blamed:
    precision turns into recall. Write on the axes what they are."""
    check(actual, predicted, classes)
    return torch.bincount(predicted.long() * classes + actual.long(), minlength=classes**2).reshape(classes, classes)


@instead_of("confusion_matrix")
def numbers_the_pairs_in_the_labels_dtype(actual, predicted, classes):
    """`actual * classes + predicted` of uint8 labels wraps at 256, so with 17 classes or more some pairs count in a wrong
    cell, and nothing warns. Go to int64 before the arithmetic, not after."""
    check(actual, predicted, classes)
    cells = actual * classes + predicted
    return torch.bincount(cells.long() % classes**2, minlength=classes**2).reshape(classes, classes)


@instead_of("confusion_matrix")
def trusts_the_labels(actual, predicted, classes):
    """Without a look at the labels, a prediction of `classes` counts as class 0 of the next row, and -100, the padding of a
    loss, counts somewhere too. bincount only sees the number of the cell; the labels have to be checked before."""
    if actual.ndim != 1 or actual.shape != predicted.shape:
        raise ValueError
    cells = (actual.long() * classes + predicted.long()) % classes**2
    return torch.bincount(cells, minlength=classes**2).reshape(classes, classes)


@instead_of("confusion_matrix")
def writes_each_pair_once(actual, predicted, classes):
    """`matrix[actual, predicted] += 1` looks like counting, but an index that occurs twice is read once and written twice,
    so no cell exceeds 1. Counting needs bincount, or index_put_ with accumulate=True."""
    check(actual, predicted, classes)
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    matrix[actual.long(), predicted.long()] += 1
    return matrix


@instead_of("confusion_matrix")
def counts_in_float32(actual, predicted, classes):
    """One-hot matrices and a product give the right counts as float32, which stops at 2 ** 24 and is no dtype for a count; as
    tensors of n by classes they also take more memory than everything else together."""
    check(actual, predicted, classes)
    one_hot = torch.eye(classes)
    return one_hot[actual.long()].T @ one_hot[predicted.long()]


@instead_of("accuracy")
def lets_shapes_broadcast(actual, predicted):
    """[n] beside [n, 1] compares every example with every other, and the mean of n * n comparisons looks like an accuracy. Say
    which shape you expect, and refuse the rest."""
    if predicted.numel() == 0:
        raise ValueError
    return (actual == predicted).double().mean().item()


@instead_of("accuracy")
def scores_an_empty_set(actual, predicted):
    """No examples, and an accuracy of 0 (elsewhere 1, or NaN) goes into the table. An empty set is a mistake of whoever
    loaded the data, and this is the last line that can notice."""
    check(actual, predicted)
    return int((actual == predicted).sum()) / max(len(actual), 1)


@instead_of("precision_recall_f1")
def exchanges_precision_and_recall(actual, predicted, classes, average=None, zero_division=0.0):
    """Precision asks of what was predicted how much is right, recall of what is there how much was found. Swapped, F1 and
    accuracy look as ever, so only a class that is predicted too often gives it away."""
    hits, said, meant = scored(actual, predicted, classes, average)
    return averaged((hits, meant, said), average, zero_division)


@instead_of("precision_recall_f1")
def takes_f1_of_the_means(actual, predicted, classes, average=None, zero_division=0.0):
    """This is the other "macro F1": the harmonic mean of macro precision and macro recall. It is never the lower of the
    two, and may be much higher; both are published, under one name."""
    precision, recall, f1 = averaged(scored(actual, predicted, classes, average), average, zero_division)
    if average == "macro":
        f1 = divided(2 * precision * recall, precision + recall, zero_division)
    return precision, recall, f1


@instead_of("precision_recall_f1")
def leaves_absent_classes_out_of_the_mean(actual, predicted, classes, average=None, zero_division=0.0):
    """The mean goes over the classes that this data happens to mention, as scikit-learn does without `labels`. On another
    split it is a mean over others, and the two can't be compared."""
    hits, said, meant = scored(actual, predicted, classes, average)
    if average == "macro":
        mentioned = said + meant > 0
        return averaged((hits[mentioned], said[mentioned], meant[mentioned]), average, zero_division)
    return averaged((hits, said, meant), average, zero_division)


@instead_of("precision_recall_f1")
def weighs_classes_by_their_size(actual, predicted, classes, average=None, zero_division=0.0):
    """A mean weighted by how often a class occurs is scikit-learn's "weighted". It hides the rare classes again, which a macro
    mean is there to show; its recall is just the accuracy."""
    hits, said, meant = scored(actual, predicted, classes, average)
    found = averaged((hits, said, meant), None if average == "macro" else average, zero_division)
    return tuple((score * meant / meant.sum()).sum() for score in found) if average == "macro" else found


@instead_of("precision_recall_f1")
def leaves_nan_where_nothing_is_divided(actual, predicted, classes, average=None, zero_division=0.0):
    """0 / 0 is NaN in a tensor, without an error, and a macro mean with one NaN is NaN. In the first epochs most classes
    are never predicted."""
    hits, said, meant = scored(actual, predicted, classes, average)
    return averaged((hits, said, meant), average, float("nan"))


@instead_of("precision_recall_f1")
def adds_an_epsilon(actual, predicted, classes, average=None, zero_division=0.0):
    """An epsilon in the denominator turns 0 / 0 into 0, whatever zero_division asks for, and makes every other score a little
    wrong. An undefined score is a case to be decided, not a rounding problem."""
    hits, said, meant = scored(actual, predicted, classes, average)
    found = averaged((hits, said + 1e-6, meant + 1e-6), None if average == "macro" else average, zero_division)
    return tuple(score.mean() for score in found) if average == "macro" else found


@instead_of("precision_recall_f1")
def computes_f1_from_precision_and_recall(actual, predicted, classes, average=None, zero_division=0.0):
    """2PR / (P + R) is 0 / 0 for every class that is never recognized, and so a model that gets a class wrong each time is
    given zero_division, perhaps a 1. In counts, 2TP / (2TP + FP + FN), the denominator is 0 only where there was nothing to
    say."""
    precision, recall, f1 = averaged(scored(actual, predicted, classes, average), average, zero_division)
    if average is None:
        f1 = divided(2 * precision * recall, precision + recall, zero_division)
    return precision, recall, f1


@instead_of("precision_recall_f1")
def counts_true_negatives_as_hits(actual, predicted, classes, average=None, zero_division=0.0):
    """Pooled over one-against-rest decisions, the examples that are rightly not of a class are most of the count, so micro
    scores come near 1 with many classes. Precision, recall and F1 know no true negatives."""
    hits, said, meant = scored(actual, predicted, classes, average)
    if average == "micro":
        n = said.sum()
        right = (hits + (n - said - meant + hits)).sum() / (n * classes)
        return right, right.clone(), right.clone()
    return averaged((hits, said, meant), average, zero_division)


@instead_of("precision_recall_f1")
def leaves_class_zero_out(actual, predicted, classes, average=None, zero_division=0.0):
    """Class 0 is taken for the negative class, as in tasks with a label for "none of these". Here it is a class like the
    others; where it should not count, that has to be said, since it changes every average."""
    counts = scored(actual, predicted, classes, average)
    if average == "macro" and classes > 1:
        counts = tuple(count[1:] for count in counts)
    return averaged(counts, average, zero_division)
