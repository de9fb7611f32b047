import torch
from torch import nn


def skip_gram_pairs(tokens, window):
    """From the matrix of distances."""
    place = torch.arange(len(tokens))
    near = (place[:, None] - place).abs()
    i, j = ((near > 0) & (near <= window)).nonzero(as_tuple=True)
    return tokens[i], tokens[j]


def neighbours(tokens, window):
    """The same for long texts."""
    if len(tokens) < 2:
        return skip_gram_pairs(tokens, window)
    padded = nn.functional.pad(tokens, (window, window), value=-1).unfold(0, 2 * window + 1, 1)
    others = torch.cat([padded[:, :window], padded[:, window + 1 :]], 1)
    centers = tokens[:, None].expand_as(others)
    return centers[others >= 0], others[others >= 0]


def subsample(tokens, threshold, generator):
    shares = torch.unique(tokens, return_inverse=True, return_counts=True)
    often = shares[2][shares[1]] / len(tokens)
    return tokens[torch.rand(tokens.shape, generator=generator).square() * often < threshold]


def noise_distribution(counts, power=0.75):
    if counts.sum() == 0:
        raise ValueError(counts)
    weights = torch.where(counts > 0, counts.clamp(min=1).double().log().mul(power).exp(), 0.0)
    return weights / weights.sum()


def draw_negatives(noise, pairs, k, generator):
    if not pairs or not k:
        return torch.zeros(pairs, k, dtype=torch.int64)
    return torch.multinomial(noise.repeat(pairs, 1), k, True, generator=generator)


class Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v, u, negatives):
        others = torch.cat([u[:, None], negatives], 1)
        scores = torch.einsum("pd,pkd->pk", v.double(), others.double())
        labels = torch.zeros_like(scores)
        labels[:, :1] = 1
        ctx.save_for_backward(v, others, ((scores.sigmoid() - labels) / len(v)).to(v.dtype))
        signed = torch.where(labels == 1, -scores, scores)
        return torch.logaddexp(signed, torch.zeros_like(signed)).sum(1).mean().to(v.dtype)

    @staticmethod
    def backward(ctx, gradient):
        v, others, error = ctx.saved_tensors
        by_others = gradient * error[..., None] * v[:, None]
        return gradient * torch.einsum("pk,pkd->pd", error, others), by_others[:, 0], by_others[:, 1:]


def negative_sampling_loss(v, u, negatives):
    return Loss.apply(v, u, negatives)


class SkipGram(nn.Module):
    def __init__(self, vocab_size, dim, generator):
        super().__init__()
        self.context = nn.Parameter(torch.zeros(vocab_size, dim))
        self.center = nn.Parameter((2 * torch.rand(vocab_size, dim, generator=generator) - 1) / (2 * dim))

    def forward(self, centers, contexts, negatives):
        return Loss.apply(self.center[centers], self.context[contexts], self.context[negatives])


@torch.no_grad()
def train(tokens, config, generator):
    """Adagrad, without a graph."""
    model = SkipGram(config.vocab_size, config.dim, generator)
    noise = noise_distribution(tokens.bincount(minlength=config.vocab_size))
    squares = [torch.full_like(table, 1e-8) for table in (model.center, model.context)]
    for _ in range(config.epochs):
        centers, contexts = neighbours(subsample(tokens, config.threshold, generator), config.window)
        order = torch.randperm(len(centers), generator=generator)
        for batch in order.split(config.batch_size) if len(order) else ():
            others = torch.cat([contexts[batch, None], draw_negatives(noise, len(batch), config.negatives, generator)], 1)
            v, u = model.center[centers[batch]], model.context[others]
            error = torch.einsum("pd,pkd->pk", v, u).sigmoid()
            error[:, 0] -= 1
            by_center = torch.zeros_like(model.center).index_add_(0, centers[batch], torch.einsum("pk,pkd->pd", error, u))
            by_others = (error[..., None] * v[:, None]).flatten(0, 1)
            by_context = torch.zeros_like(model.context).index_add_(0, others.flatten(), by_others)
            for table, gradient, square in zip((model.center, model.context), (by_center, by_context), squares, strict=True):
                square += gradient**2
                table -= 0.1 * gradient / square.sqrt()
    return model
