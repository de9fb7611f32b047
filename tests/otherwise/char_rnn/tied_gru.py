import math

import torch
from torch import nn
from torch.nn import functional as F


class CharRNN(nn.Module):
    """A cell of torch's in a loop; the output shares its weight with the embedding; the state is a dictionary."""

    def __init__(self, alphabet, width):
        super().__init__()
        self.alphabet = alphabet
        self.table = nn.Parameter(torch.randn(len(alphabet), width) / width**0.5)
        self.cell = nn.GRUCell(width, width)

    def forward(self, ids, state=None):
        h = state["h"] if state else torch.zeros(len(ids), self.table.shape[1])
        outputs = []
        for t in range(ids.shape[1]):
            h = self.cell(4 * self.table[ids[:, t]], h)
            outputs.append(h @ self.table.T)
        return torch.stack(outputs, dim=1), {"h": h}


def windows(ids, streams, window):
    usable = (len(ids) - 1) // streams * streams
    if usable == 0:
        raise ValueError(ids)
    x = ids[:usable].reshape(streams, -1)
    y = torch.cat([x[:, 1:], ids[x.shape[1] : usable + 1 : x.shape[1]][:, None]], 1)
    return [(x[:, s : s + window], y[:, s : s + window]) for s in range(0, x.shape[1], window)]


def encode(model, text):
    return torch.tensor([model.alphabet.index(c) for c in text], dtype=torch.int64)


def train(text, config):
    torch.manual_seed(config.seed)
    model = CharRNN("".join(sorted(set(text))), config.width)
    optimizer = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=0.0)
    for _ in range(config.passes):
        state = None
        for x, y in windows(encode(model, text), config.streams, config.window):
            logits, state = model(x, state and {"h": state["h"].clone().detach()})
            optimizer.zero_grad()
            F.cross_entropy(logits.permute(0, 2, 1), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
            optimizer.step()
    return model


def bits_per_character(model, text):
    ids, mode = encode(model, text), model.training
    if ids.numel() < 2:
        raise ValueError(text)
    try:
        model.eval()
        with torch.no_grad():
            state, losses = None, []
            for part in range(0, len(ids) - 1, 999):
                x, y = ids[part : part + 999], ids[part + 1 : part + 1000]
                logits, state = model(x[: len(y)].unsqueeze(0), state)
                losses.append(F.cross_entropy(logits.squeeze(0), y, reduction="none"))
            return torch.cat(losses).double().mean().div(math.log(2)).item()
    finally:
        model.train(mode)


def sample(model, prompt, length, temperature=1.0, generator=None):
    if prompt == "" or not temperature > 0:
        raise ValueError(temperature)
    mode = model.training
    unread, state, text = encode(model, prompt), None, ""
    model.eval()
    with torch.no_grad():
        while len(text) < length:
            logits, state = model(unread.reshape(1, -1), state)
            unread = torch.multinomial(F.softmax(logits[:, -1] / temperature, dim=-1), 1, generator=generator).reshape(1)
            text += model.alphabet[int(unread)]
    model.train(mode)
    return text


def save(model, path):
    torch.save([[ord(c) for c in model.alphabet], {k: v.clone() for k, v in model.state_dict().items()}], path)


def load(path):
    letters, weights = torch.load(path, weights_only=True, map_location="cpu")
    model = CharRNN("".join(map(chr, letters)), weights["table"].shape[1])
    model.load_state_dict(weights)
    return model
