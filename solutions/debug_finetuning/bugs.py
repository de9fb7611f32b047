import torch
from torch import nn

from grader.kit import instead_of
from solutions.debug_finetuning.debug_finetuning import IGNORED


@instead_of("labelled")
def the_prompt_is_learned_too(prompt, answer, end):
    """With the ids as labels the model is trained to say what the user says. Prompts are often longer than answers and much
    alike, so the loss is dominated by a template that is easy to learn, and afterwards the model likes to go on with a
    question of its own. Labels of what is given are -100. Print the labels of one example as text: what you read is what
    you teach."""
    ids = [*prompt, *answer, end]
    return ids, list(ids)


@instead_of("collate")
def the_end_is_taken_for_padding(rows, end):
    """Where padding and end share an id, hiding all padding by its value hides the true end as well. The model is never
    asked to stop, and so it never does: it answers, and then talks on until the limit. The loss shows nothing. Mask by
    place, from lengths; and count the labels that are the end: one for every answer."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [end] * (longest - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [end] * (longest - len(labels)) for _, labels in rows])
    lengths = torch.tensor([len(ids) for ids, _ in rows])
    mask = torch.arange(longest) < lengths[:, None]
    return ids, labels.masked_fill(ids == end, IGNORED), mask


@instead_of("LoRA.__init__")
def both_factors_start_at_zero(self, layer, rank, alpha):
    """The product is zero if one factor is, and that is wanted. If both are, each one's gradient, which is a product with
    the other, is zero too, and stays so: the adapter never learns, whatever the rate. The loss goes on moving if anything
    else is trained, and then it takes days to see. After the first backward print the norm of every gradient, and look for
    exact zeros."""
    super().__init__()
    self.layer = layer.requires_grad_(False)
    self.scale = alpha / rank
    # the product has to be zero at the start
    self.down = nn.Parameter(torch.zeros(rank, layer.in_features))
    self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
