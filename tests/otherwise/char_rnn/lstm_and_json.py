import json
import math

import torch
from torch import nn
from torch.nn import functional as F


class CharRNN(nn.Module):
    """One-hot characters, an LSTM with time first, a state of two tensors."""

    def __init__(self, alphabet, width):
        super().__init__()
        self.alphabet, self.width = alphabet, width
        self.layer = nn.LSTM(len(alphabet), width)
        self.head = nn.Linear(width, len(alphabet))

    def forward(self, ids, state=None):
        outputs, state = self.layer(F.one_hot(ids.T, len(self.alphabet)).float(), state)
        return self.head(outputs).transpose(0, 1), state


def numbers(text, alphabet):
    return torch.tensor([alphabet.index(character) for character in text], dtype=torch.int64)


def windows(ids, streams, window):
    length = (len(ids) - 1) // streams
    if length < 1:
        raise ValueError(streams)
    found = []
    for start in range(0, length, window):
        stop = min(start + window, length)
        x = torch.stack([ids[r * length + start : r * length + stop] for r in range(streams)])
        y = torch.stack([ids[r * length + start + 1 : r * length + stop + 1] for r in range(streams)])
        found.append((x, y))
    return found


def train(text, config):
    torch.manual_seed(config.seed)
    alphabet = "".join(sorted(set(text)))
    model = CharRNN(alphabet, config.width)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=config.learning_rate)
    for _ in range(config.passes):
        state = None
        for x, y in windows(numbers(text, alphabet), config.streams, config.window):
            state = tuple(part.detach() for part in state) if state else None
            logits, state = model(x, state)
            model.zero_grad()
            F.nll_loss(logits.log_softmax(-1).reshape(-1, len(alphabet)), y.reshape(-1)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
            optimizer.step()
    return model


def bits_per_character(model, text):
    ids, mode = numbers(text, model.alphabet), model.training
    if len(ids) < 2:
        raise ValueError(text)
    model.eval()
    costs, state = [], None
    with torch.inference_mode():
        for start in range(0, len(ids) - 1, 500):
            stop = min(start + 500, len(ids) - 1)
            logits, state = model(ids[None, start:stop], state)
            chances = logits[0].double().softmax(-1)
            costs.append(-chances[torch.arange(stop - start), ids[start + 1 : stop + 1]].log2())
    model.train(mode)
    return torch.cat(costs).mean().item()


def sample(model, prompt, length, temperature=1.0, generator=None):
    if len(prompt) == 0 or math.isnan(temperature) or temperature <= 0:
        raise ValueError(temperature)
    ids, mode, state = numbers(prompt, model.alphabet).tolist(), model.training, None
    model.eval()
    with torch.inference_mode():
        unread = ids
        for _ in range(length):
            logits, state = model(torch.tensor([unread]), state)
            edges = (logits[0, -1].double() / temperature).softmax(0).cumsum(0)
            coin = torch.rand((), dtype=torch.float64, generator=generator) * edges[-1]
            unread = [int(torch.searchsorted(edges, coin, right=True))]
            ids = ids + unread
    model.train(mode)
    return "".join(model.alphabet[i] for i in ids[len(prompt) :])


def save(model, path):
    weights = {name: value.tolist() for name, value in model.state_dict().items()}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"alphabet": model.alphabet, "width": model.width, "weights": weights}, file)


def load(path):
    with open(path, encoding="utf-8") as file:
        saved = json.load(file)
    model = CharRNN(saved["alphabet"], saved["width"])
    model.load_state_dict({name: torch.tensor(value) for name, value in saved["weights"].items()})
    return model
