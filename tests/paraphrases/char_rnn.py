"""Five mistakes of the character model, made again by another route: each must still be recognized under its name."""

import math
from itertools import pairwise

import torch
from torch import nn

from grader.kit import instead_of
from solutions.char_rnn.char_rnn import CharRNN, _encode, windows


@instead_of("windows")
def deals_the_text_out_like_cards(ids, streams, window):
    rows = [ids[r : len(ids) - 1 : streams] for r in range(streams)]
    length = (len(ids) - 1) // streams
    if length == 0:
        raise ValueError("short")
    x = torch.stack([row[:length] for row in rows])
    y = torch.stack([ids[r + 1 :: streams][:length] for r in range(streams)])
    return [(x[:, s : s + window], y[:, s : s + window]) for s in range(0, length, window)]


@instead_of("bits_per_character")
def counts_in_nats(model, text):
    numbers = [model.alphabet.index(character) for character in text]  # ValueError for a stranger
    if len(numbers) < 2:
        raise ValueError("short")
    mode, total, state = model.training, 0.0, None
    model.eval()
    with torch.no_grad():
        for now, after in pairwise(numbers):
            logits, state = model(torch.tensor([[now]]), state)
            total -= float(logits[0, 0].log_softmax(0)[after])
    model.train(mode)
    return total / len(numbers[1:])


@instead_of("sample")
def multiplies_by_the_temperature(model, prompt, length, temperature=1.0, generator=None):
    if not prompt or not temperature > 0 or math.isnan(temperature):
        raise ValueError(prompt)
    ids, state, out, mode = [model.alphabet.index(c) for c in prompt], None, [], model.training
    model.eval()
    with torch.no_grad():
        while len(out) < length:
            logits, state = model(torch.tensor([ids]), state)
            ids = torch.multinomial(torch.exp(temperature * logits[0, -1].log_softmax(0)), 1, generator=generator).tolist()
            out += ids
    model.train(mode)
    return "".join(model.alphabet[i] for i in out)


@instead_of("load")
def sorts_the_alphabet_anew(path):
    saved = torch.load(path, weights_only=True)
    model = CharRNN("".join(sorted(set(saved["alphabet"]))), saved["width"])
    nn.Module.load_state_dict(model, saved["weights"])
    return model


@instead_of("train")
def never_clears_the_gradients(text, config):
    torch.manual_seed(config.seed)
    model = CharRNN("".join(sorted(set(text))), config.width)
    weights, loss_of = list(model.parameters()), nn.CrossEntropyLoss()
    optimizer, totals = torch.optim.Adam(weights, config.learning_rate), [torch.zeros_like(weight) for weight in weights]
    for _ in range(config.passes):
        state = None
        for x, y in windows(_encode(text, model.alphabet), config.streams, config.window):
            logits, state = model(x, None if state is None else state.detach())
            for weight, total, grad in zip(weights, totals, torch.autograd.grad(loss_of(logits.mT, y), weights), strict=True):
                weight.grad = total.add_(grad)
            nn.utils.clip_grad_norm_(weights, config.grad_clip)
            optimizer.step()
    return model
