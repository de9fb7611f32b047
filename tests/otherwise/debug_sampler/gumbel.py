"""Draws by the Gumbel trick, text as a tensor that grows."""

import torch


class Vocabulary:
    def __init__(self, text):
        self.characters = sorted({*text})

    def encode(self, text):
        return [self.characters.index(c) for c in text if c in self.characters]

    def decode(self, ids):
        return "".join(map(self.characters.__getitem__, ids))


def opening(vocabulary, prompt):
    known = vocabulary.encode(prompt)
    return known if known else [vocabulary.characters.index("\n")]


def pick(logits, temperature, generator):
    uniform = torch.rand(logits.shape, generator=generator, dtype=torch.float64).clamp(min=1e-300)
    return (logits.double() / temperature - (-uniform.log()).log()).argmax(-1)


def sample(model, vocabulary, prompt, steps, window, temperature, generator):
    ids, found = torch.tensor(opening(vocabulary, prompt)), ""
    with torch.no_grad():
        while len(found) < steps:
            start = max(0, len(ids) - window)
            drawn = pick(model(ids[None, start:])[:, -1], temperature, generator)
            ids = torch.cat([ids, drawn])
            found += vocabulary.decode(drawn.tolist())
    return found
