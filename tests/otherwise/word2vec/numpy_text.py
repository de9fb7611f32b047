import numpy as np
import torch
from torch import nn
from torch.nn.functional import logsigmoid


def skip_gram_pairs(tokens, window):
    text = tokens.numpy()
    i, step = np.meshgrid(np.arange(len(text)), [s for s in range(-window, window + 1) if s], indexing="ij")
    inside = (i + step >= 0) & (i + step < len(text))
    return torch.from_numpy(text[i[inside]]), torch.from_numpy(text[(i + step)[inside]])


def rng(generator):
    return np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))


def subsample(tokens, threshold, generator):
    text = tokens.numpy()
    share = np.bincount(text) / max(len(text), 1)
    return torch.from_numpy(text[rng(generator).random(len(text)) < np.sqrt(threshold / share[text])])


def noise_distribution(counts, power=0.75):
    weights = np.where(counts.numpy() > 0, np.power(counts.numpy().astype(float), power), 0)
    if not weights.any():
        raise ValueError(counts)
    return torch.from_numpy(weights / weights.sum())


def draw_negatives(noise, pairs, k, generator):
    weights = noise.numpy() / noise.numpy().sum()
    return torch.from_numpy(rng(generator).choice(len(weights), (pairs, k), p=weights)).to(torch.int64)


def negative_sampling_loss(v, u, negatives):
    every = torch.cat([u.unsqueeze(1), -negatives], 1)
    return -logsigmoid(torch.matmul(every, v.unsqueeze(2))).sum() / v.shape[0]


class SkipGram(nn.Module):
    def __init__(self, vocab_size, dim, generator):
        super().__init__()
        self.center = nn.Parameter(torch.from_numpy(rng(generator).uniform(-0.5, 0.5, (vocab_size, dim)) / dim).float())
        self.context = nn.Parameter(torch.zeros_like(self.center))

    def forward(self, centers, contexts, negatives):
        flat = self.context[negatives.reshape(-1)].reshape(*negatives.shape, self.context.shape[1])
        return negative_sampling_loss(self.center[centers], self.context[contexts], flat)


def train(tokens, config, generator):
    """Plain descent on sums, with a rate that falls to zero."""
    model, done = SkipGram(config.vocab_size, config.dim, generator), 0
    noise = noise_distribution(tokens.bincount(minlength=config.vocab_size))
    for epoch in range(config.epochs):
        centers, contexts = skip_gram_pairs(subsample(tokens, config.threshold, generator), config.window)
        order = torch.from_numpy(rng(generator).permutation(len(centers)))
        for start in range(0, len(order), config.batch_size):
            batch = order[start : start + config.batch_size]
            done = (epoch + start / len(order)) / config.epochs
            noise_words = draw_negatives(noise, len(batch), config.negatives, generator)
            (model(centers[batch], contexts[batch], noise_words) * len(batch)).backward()
            for table in model.parameters():
                table.data.sub_(table.grad, alpha=0.08 * (1 - done))
                table.grad = None
    return model
