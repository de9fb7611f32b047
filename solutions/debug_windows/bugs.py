import torch

from grader.kit import instead_of


@instead_of("window")
def the_maximum_is_taken_over_characters(text):
    """To go through a string is to go through its characters, and each of them has the length one: the maximum is 1,
    whatever the text. The window then holds a single character and every line is cut down to its first one or two, without
    a word, since a slice that is too short is no error. Python's strings are sequences of strings, so the same line is
    right for a list of lines. Print the shape of the first batch, and decode it."""
    return max(len(line) for line in text) + 1


@instead_of("examples")
def places_behind_the_end_are_counted(text, characters, length):
    """A target of 0 is no 'nothing', it is the first character. All places behind the end of a line then ask for it, and in
    a text of short lines they are the majority: the loss looks good, for it is easy to say the same thing behind every end,
    and the model learns to stop early. Give such places the index that cross_entropy ignores, and count what remains."""
    lines = text.split("\n")
    inputs = torch.zeros(len(lines), length, dtype=torch.int64)
    targets = torch.zeros(len(lines), length, dtype=torch.int64)
    for row, line in enumerate(lines):
        ids = torch.tensor([characters.index(character) for character in f"\n{line}\n"])[: length + 1]
        inputs[row, : len(ids) - 1] = ids[:-1]
        targets[row, : len(ids) - 1] = ids[1:]
    return inputs, targets


@instead_of("batches")
def the_seed_is_set_inside_the_loop(pairs, size, epochs, seed):
    """Seeded anew in each epoch, the generator gives the same permutation each time: all epochs see the same batches in the
    same order, and the noise that shuffling should bring is gone. It looks like care for reproducibility. Seed once,
    outside; the run as a whole is just as repeatable. The same slip inside a loop over samples returns one sample many
    times."""
    inputs, targets = pairs
    for _ in range(epochs):
        generator = torch.Generator().manual_seed(seed)
        for rows in torch.randperm(len(inputs), generator=generator).split(size):
            yield inputs[rows], targets[rows]
