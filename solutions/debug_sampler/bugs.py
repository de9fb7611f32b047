import torch

from grader.kit import instead_of
from solutions.debug_sampler.debug_sampler import opening, pick


@instead_of("opening")
def an_id_outside_the_vocabulary(vocabulary, prompt):
    """The number of characters is one more than the last id, so this 'start' has no row in the embedding: an index error,
    or, where the table was made larger to be safe, a row that training never touched, and a first character that is noise.
    Whatever the sampler feeds must be something that the model was trained on. Assert 0 <= id < size where ids enter the
    model."""
    return vocabulary.encode(prompt) or [len(vocabulary.characters)]


@instead_of("pick")
def argmax_repeats_itself(logits, temperature, generator):
    """The largest logit stays the largest at any temperature, so nothing is drawn, and a greedy model falls into a loop:
    after the same window comes the same character, for ever. The divided logits and the softmax make it look like sampling.
    Two seeds that give one text are the test, and so is a temperature that changes nothing."""
    p = (logits / temperature).softmax(-1)
    return p.argmax(-1)


@instead_of("sample")
def the_window_stays_at_the_beginning(model, vocabulary, prompt, steps, window, temperature, generator):
    """ids[:window] are the first ids, not the last: once the text is longer than the window the model is shown the same
    beginning at every step, so each further character is drawn from one distribution, and what was just written is never
    read. Short tests, within the window, pass. Print what the model is shown, not what comes out."""
    ids = opening(vocabulary, prompt)
    written = len(ids)
    for _ in range(steps):
        seen = torch.tensor([ids[:window]])
        logits = model(seen)[:, -1]
        ids.append(int(pick(logits, temperature, generator)))
    return vocabulary.decode(ids[written:])
