import math

from torch.nn import functional as F

from grader.kit import instead_of


@instead_of("evaluate")
def evaluation_in_training_mode(model, rows):
    """no_grad switches off the recording of the graph, and nothing else: dropout goes on dropping, and batch norm goes on
    learning from what it should be judged by. The score is too bad and different at each call, so that the 'best' epoch is
    the luckiest. model.eval() before, and the old mode after, is what is missing. Evaluate twice: if the two figures
    differ, you are in training mode."""
    losses, counts = [], []
    for ids in rows:
        logits = model(ids[None, :-1])[0]
        losses.append(F.cross_entropy(logits, ids[1:]).item())
        counts.append(len(ids) - 1)
    return losses, counts


@instead_of("perplexity")
def a_mean_of_means(losses, counts):
    """A row of two words counts as much as one of two thousand, and the exponential is taken before the mean, so that a
    single short, hard row can dominate everything. The perplexity of a data set is exp of the mean over all its
    *predictions*: sum the losses, divide by the number of predictions, then exponentiate, once. Test it by cutting one row
    in two: that must not change the figure."""
    rows = [math.exp(loss) for loss, count in zip(losses, counts, strict=True) if count]
    return sum(rows) / len(rows)


@instead_of("Best.offer")
def the_best_model_is_an_alias(self, score, model):
    """state_dict returns references: the dictionary is new, its tensors are the parameters themselves, and training goes on
    changing them in place. What is restored at the end is the last model, under the score of the best. Clone every tensor
    (a copy of the dictionary is not enough). Remember, change the model by hand, and look whether the memory moved."""
    if score >= self.score:
        return False
    self.score = score
    self.state = dict(model.state_dict())
    return True
