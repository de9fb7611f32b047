import torch

from grader.kit import Equivalent, instead_of


@instead_of("positions")
def the_last_position_is_given_twice(past, time):
    """`past` ids have the positions 0 to past - 1, so the next one is `past`; past - 1 is the last that was given. The
    first new id then sits on the place of the last old one, and everything after it is one too early. Without a cache all
    is right, and with it the samples are only a little worse, since neighbouring positions are alike. Compare: logits with
    the cache and without must agree, at every position."""
    if past:
        return torch.arange(past - 1, past - 1 + time)
    return torch.arange(time)


@instead_of("allowed")
def a_chunk_is_cut_at_the_wrong_diagonal(past, time):
    """For one new id all keys are in the past, and with an empty cache the mask is the triangle; both are right here. A
    chunk of several ids *behind* a cache is neither: row i is position past + i, so the diagonal must be shifted by `past`.
    Here the new ids hardly see the cache, and not themselves. It shows as soon as long prompts are read in pieces, or
    drafts are verified. Test splits at every point."""
    if time == 1:
        return torch.ones(1, past + 1, dtype=torch.bool)
    return torch.ones(time, past + time, dtype=torch.bool).tril()


@instead_of("generate")
def everything_is_shown_again(model, ids, steps):
    """The cache holds the keys and values of all that was shown. To show the whole text again appends it a second time:
    each step attends to copies of the past, at positions that nobody trained, and the cache grows with the square of the
    steps. After the prompt only the new id goes in. Watch the cache's length: it has to equal the number of ids seen."""
    cache = None
    for _ in range(steps):
        logits, cache = model(ids, cache)
        new = logits[:, -1].argmax(1, keepdim=True)
        ids = torch.cat([ids, new], dim=1)
    return ids


equivalents = [
    Equivalent("CachedModel.forward: 0 → 1 (2)", "the cache holds as many values as keys"),
]
