import torch
from torch.nn import functional as F

from grader.kit import instead_of


@instead_of("LanguageModel.mix")
def a_mask_of_ones(self, x):
    """A mask of floats is added to the scores, and a softmax does not notice that one was added to all of them: nothing is
    hidden, so each position reads the very id that it should predict. The loss falls to almost nothing; sampling, where
    there is no next id to read, is noise. Change a later id and look whether an earlier output moves: that test needs no
    training."""
    time = x.shape[1]
    mask = torch.ones(time, time)
    found, _ = self.mixer(x, x, x, attn_mask=mask)
    return x + found


@instead_of("LanguageModel.forward")
def softmax_before_the_loss(self, ids):
    """cross_entropy applies log_softmax itself. Given probabilities it takes them for logits between 0 and 1, so no id can
    ever get more than e times the weight of another: the loss has a floor near the logarithm of the vocabulary, and the
    gradient is small everywhere. Nothing crashes and training even helps a little, which is why it is found so late."""
    places = self.places(torch.arange(ids.shape[1]))
    x = self.tokens(ids) + places
    scores = self.head(self.norm(self.mix(x)))
    return scores.softmax(-1)


@instead_of("loss")
def targets_are_not_shifted(model, ids):
    """The target of a position is the id that follows it. Without the shift the model is asked for the id that it was just
    given, and learns to copy: a loss near zero within minutes, and samples that say one word for ever. A loss that is too
    good is a bug report: compare it with the entropy that the text could have."""
    logits = model(ids)
    return F.cross_entropy(logits.flatten(0, 1), ids.flatten())
