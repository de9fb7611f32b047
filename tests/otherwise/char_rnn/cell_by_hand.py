from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class CharRNN(nn.Module):
    """A plain recurrence, written out, with the state as a tuple of rows, dropout, and a head that starts at zero."""

    def __init__(self, alphabet, width):
        super().__init__()
        self.alphabet = alphabet
        self.rows = nn.Parameter(torch.randn(len(alphabet), width) * 0.3)
        self.matrix = nn.Parameter(nn.init.orthogonal_(torch.empty(width, width)))
        self.bias = nn.Parameter(torch.zeros(width))
        self.out = nn.Parameter(torch.zeros(width, len(alphabet)))
        self.shift = nn.Parameter(torch.zeros(len(alphabet)))

    def forward(self, ids, state=None):
        h = self.rows.new_zeros(len(ids), len(self.bias)) if state is None else torch.stack(state)
        states = []
        for column in ids.unbind(1):
            h = torch.tanh(self.rows[column] + h @ self.matrix + self.bias)
            states.append(h)
        return F.dropout(torch.stack(states, 1), 0.05, self.training) @ self.out + self.shift, tuple(h)


def numbers(text, alphabet):
    if set(text) - set(alphabet):
        raise ValueError(text)
    return torch.tensor(list(map(alphabet.index, text)), dtype=torch.long)


def windows(ids, streams, window):
    length = (len(ids) - 1) // streams
    if length <= 0:
        raise ValueError(ids)
    both = torch.stack([ids[:-1][: streams * length], ids[1:][: streams * length]]).reshape(2, streams, length)
    return [(x, y) for x, y in both.split(window, -1)]


def train(text, config):
    """Adam, written out, at twice the rate."""
    torch.manual_seed(config.seed)
    model = CharRNN("".join(sorted(set(text))), config.width)
    weights = list(model.parameters())
    moments, step = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights], 0
    for _ in range(config.passes):
        state = None
        for x, y in windows(numbers(text, model.alphabet), config.streams, config.window):
            logits, state = model(x, state)
            state, step = tuple(row.detach() for row in state), step + 1
            found = torch.autograd.grad(F.cross_entropy(logits.mT, y), weights)
            norm = torch.stack([g.norm() for g in found]).norm()
            with torch.no_grad():
                for w, g, (m, s) in zip(weights, found, moments, strict=True):
                    g = g * min(1.0, config.grad_clip / (norm.item() + 1e-9))
                    m.lerp_(g, 0.1)
                    s.lerp_(g * g, 0.001)
                    w -= 2 * config.learning_rate * (m / (1 - 0.9**step)) / ((s / (1 - 0.999**step)).sqrt() + 1e-8)
    return model


class Quietly:
    def __init__(self, model):
        self.model, self.mode, self.graph = model, model.training, torch.no_grad()

    def __enter__(self):
        self.graph.__enter__()
        self.model.train(False)

    def __exit__(self, *why):
        self.model.train(self.mode)
        self.graph.__exit__(*why)


def bits_per_character(model, text):
    """One character a call."""
    ids = numbers(text, model.alphabet)
    if len(ids) <= 1:
        raise ValueError(text)
    with Quietly(model):
        state, total = None, 0.0
        for now, after in pairwise(ids):
            logits, state = model(now.view(1, 1), state)
            total -= (logits[0, 0, after] - logits[0, 0].logsumexp(0)).item() / np.log(2)
    return float(total) / (len(ids) - 1)


def sample(model, prompt, length, temperature=1.0, generator=None):
    """By the Gumbel trick."""
    if not (prompt and temperature > 0):
        raise ValueError(prompt)
    written, state = [], None
    with Quietly(model):
        for number in numbers(prompt, model.alphabet):
            logits, state = model(number.view(1, 1), state)
        while len(written) < length:
            noise = -torch.empty(logits.shape[-1]).exponential_(generator=generator).log()
            number = (logits[0, -1] / temperature + noise).argmax()
            written.append(model.alphabet[number])
            logits, state = model(number.view(1, 1), state)
    return "".join(written)


def save(model, path):
    with open(path, "wb") as file:
        arrays = {name: value.numpy() for name, value in model.state_dict().items()}
        np.savez(file, alphabet=np.array([ord(character) for character in model.alphabet]), **arrays)


def load(path):
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    model = CharRNN("".join(map(chr, arrays.pop("alphabet").tolist())), len(arrays["bias"]))
    model.load_state_dict(arrays)
    return model
