"""Rows as lists, orders from Python's own generator."""

import random

import torch

IGNORED = -100


def window(text):
    longest = run = 0
    for character in text:
        run = 0 if character == "\n" else run + 1
        longest = max(longest, run)
    return longest + 1


def examples(text, characters, length):
    place = {character: number for number, character in enumerate(characters)}
    inputs, targets = [], []
    for line in text.split("\n"):
        ids = [place[character] for character in line]
        rest = length - len(ids) - 1
        inputs.append(([place["\n"], *ids] + [place["a" if "a" in place else "\n"]] * rest)[:length])
        targets.append(([*ids, place["\n"]] + [IGNORED] * rest)[:length])
    return torch.tensor(inputs), torch.tensor(targets)


def batches(pairs, size, epochs, seed):
    dice = random.Random(seed)
    rows = list(range(len(pairs[0])))
    for _ in range(epochs):
        dice.shuffle(rows)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            yield tuple(part[chosen] for part in pairs)
