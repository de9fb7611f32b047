import torch
from torch import nn


def skip_gram_pairs(tokens, window):
    words, pairs = tokens.tolist(), []
    for i, word in enumerate(words):
        for other in words[max(0, i - window) : i] + words[i + 1 : i + 1 + window]:
            pairs.append((word, other))
    return tuple(torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T)


def subsample(tokens, threshold, generator):
    counts = tokens.bincount()
    keep = torch.tensor([min(1.0, (threshold * len(tokens) / int(counts[word])) ** 0.5) for word in tokens.tolist()])
    return tokens[torch.bernoulli(keep, generator=generator).bool()]


def noise_distribution(counts, power=0.75):
    weights = [float(count) ** power if count else 0.0 for count in counts.tolist()]
    if sum(weights) == 0:
        raise ValueError("nothing")
    return torch.tensor([weight / sum(weights) for weight in weights], dtype=torch.float64)


def draw_negatives(noise, pairs, k, generator):
    """By inversion of the distribution function."""
    coins = torch.rand(pairs, k, dtype=torch.float64, generator=generator)
    edges = noise.cumsum(0)
    return torch.searchsorted(edges, coins * edges[-1], right=True)


def negative_sampling_loss(v, u, negatives):
    total = 0
    for center, real, noise in zip(v, u, negatives, strict=True):
        total = total + nn.functional.softplus(-(center @ real))
        for row in noise:
            total = total + nn.functional.softplus(row @ center)
    return total / len(v)


class SkipGram(nn.Module):
    def __init__(self, vocab_size, dim, generator):
        super().__init__()
        self.center = nn.Parameter(torch.empty(vocab_size, dim).uniform_(-0.5 / dim, 0.5 / dim, generator=generator))
        self.context = nn.Parameter(torch.zeros(vocab_size, dim))

    def forward(self, centers, contexts, negatives):
        v, u = self.center[centers], self.context[torch.cat([contexts[:, None], negatives], 1)]
        scores = (u @ v[:, :, None]).squeeze(-1)
        labels = torch.zeros_like(scores)
        labels[:, 0] = 1
        losses = nn.functional.binary_cross_entropy_with_logits(scores, labels, reduction="none")
        return losses.sum(1).mean()


def train(tokens, config, generator):
    """With Adam."""
    model = SkipGram(config.vocab_size, config.dim, generator)
    noise = noise_distribution(torch.bincount(tokens, minlength=config.vocab_size))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(config.epochs):
        pairs = torch.stack(skip_gram_pairs(subsample(tokens, config.threshold, generator), config.window), 1)
        pairs = pairs[torch.randperm(len(pairs), generator=generator)]
        while len(pairs):
            batch, pairs = pairs[: config.batch_size], pairs[config.batch_size :]
            optimizer.zero_grad()
            model(*batch.T, draw_negatives(noise, len(batch), config.negatives, generator)).backward()
            optimizer.step()
    return model
