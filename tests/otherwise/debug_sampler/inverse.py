"""Draws by the inverse of the distribution function, in plain Python around it."""

from collections import deque

import torch


class Vocabulary:
    def __init__(self, text):
        self.characters = "".join(sorted(dict.fromkeys(text)))

    def encode(self, text):
        return [place for c in text if (place := self.characters.find(c)) >= 0]

    def decode(self, ids):
        return "".join([self.characters[i] for i in ids])


def opening(vocabulary, prompt):
    return vocabulary.encode(prompt) or [vocabulary.characters.find("\n")]


def pick(logits, temperature, generator):
    upper = torch.softmax(logits.double() / temperature, dim=-1).cumsum(-1)
    threshold = torch.rand(logits.shape[:-1], dtype=torch.float64, generator=generator).unsqueeze(-1)
    return (upper < threshold).sum(-1).clamp(max=logits.shape[-1] - 1)


@torch.no_grad()
def sample(model, vocabulary, prompt, steps, window, temperature, generator):
    seen, new = deque(opening(vocabulary, prompt), maxlen=window), []
    for _ in range(steps):
        scores = model(torch.tensor(list(seen)).unsqueeze(0))
        new.append(pick(scores[:, -1, :], temperature, generator).item())
        seen.append(new[-1])
    return vocabulary.decode(new)
