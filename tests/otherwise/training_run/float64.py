"""Losses and norms in float64; a mask for the windows; a checkpoint by way of a buffer."""

import io
import math
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.optim import AdamW

from exercises.training_run.given import GPT, split


def get_batch(tokens, batch_size, context, generator):
    if context >= len(tokens):
        raise ValueError("no window")
    chances = torch.ones(len(tokens) - context)
    starts = torch.multinomial(chances, batch_size, replacement=True, generator=generator)
    at = starts[:, None] + torch.arange(context)
    return tokens[at], tokens[at + 1]


def configure_optimizer(model, lr, weight_decay, betas):
    decayed, plain = [], []
    for parameter in model.parameters():
        (decayed if parameter.dim() >= 2 else plain).append(parameter)
    optimizer = AdamW(decayed, lr=lr, betas=betas, weight_decay=weight_decay)
    if plain:
        optimizer.add_param_group({"params": plain, "weight_decay": 0})
    return optimizer


def token_losses(model, x, y):
    logits = model(x).double()
    return logits.logsumexp(-1) - logits.gather(-1, y[..., None])[..., 0]


def train_step(model, micro_batches, optimizer, lr, grad_clip, dtype):
    model.train()
    optimizer.zero_grad(set_to_none=False)
    losses = []
    for x, y in micro_batches:
        if dtype is torch.float32:
            loss = token_losses(model, x, y).mean()
        else:
            with torch.autocast(x.device.type, dtype):
                loss = token_losses(model, x, y).mean()
        (loss / len(micro_batches)).backward()
        losses.append(loss.item())
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = torch.cat([g.flatten() for g in gradients]).double().norm().item()
    for gradient in gradients:
        gradient.mul_(min(1.0, grad_clip / max(norm, 1e-30)))
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return math.fsum(losses) / len(losses)


def evaluate(model, tokens, batch_size, context):
    if tokens.numel() <= 1:
        raise ValueError("no target")
    x, y, mode = tokens[:-1], tokens[1:], model.training
    model.eval()
    size, losses = context * batch_size, []
    with torch.no_grad():
        for start in range(0, len(x), size):
            a, b = x[start : start + size], y[start : start + size]
            whole = len(a) - len(a) % context
            if whole:
                losses.append(token_losses(model, a[:whole].reshape(-1, context), b[:whole].reshape(-1, context)).flatten())
            if whole < len(a):
                losses.append(token_losses(model, a[None, whole:], b[None, whole:]).flatten())
    model.train(mode)
    return float(torch.cat(losses).mean())


def save_checkpoint(path, model, optimizer, step, generator):
    buffer, path = io.BytesIO(), Path(path)
    torch.save([model.state_dict(), optimizer.state_dict(), step, generator.get_state(), torch.random.get_rng_state()], buffer)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(buffer.getvalue())
    Path(file.name).rename(path)


def load_checkpoint(path, model, optimizer, generator):
    parts = torch.load(path)
    model.load_state_dict(parts[0])
    optimizer.load_state_dict(parts[1])
    generator.set_state(parts[3])
    torch.random.set_rng_state(parts[4])
    return parts[2]


def train(config, tokens, device):
    torch.manual_seed(config.seed)
    model = GPT(config).to(device)
    training, held_out = split(tokens.to(device))
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = configure_optimizer(model, config.lr(0), config.weight_decay, config.betas)

    def step(number):
        batches = [get_batch(training, config.batch_size, config.context, generator) for _ in range(config.accumulate)]
        return train_step(model, batches, optimizer, config.lr(number), config.grad_clip, config.dtype)

    records = []
    for number in range(config.steps):
        loss = step(number)
        if (number + 1) % config.eval_interval == 0 or number + 1 == config.steps:
            records.append([number + 1, loss, evaluate(model, held_out, 64, config.context)])
    return records


def generate(model, prompt, max_new_tokens, temperature=1.0, top_k=None, generator=None):
    if temperature <= 0:
        raise ValueError("temperature")
    if top_k is not None and top_k < 1:
        raise ValueError("top_k")
    mode, ids = model.training, prompt.clone()
    model.eval()
    for _ in range(max_new_tokens):
        with torch.no_grad():
            p = nn.functional.softmax(model(ids[:, -model.config.context :])[:, -1].double() / temperature, -1)
        if top_k is not None:
            least = p.sort(-1, descending=True).values[:, min(top_k, p.shape[-1]) - 1, None]
            p = torch.where(p >= least, p, 0)
        threshold = torch.rand(len(p), 1, generator=generator, dtype=torch.float64) * p.sum(-1, keepdim=True)
        drawn = (p.cumsum(-1) <= threshold).sum(-1, keepdim=True).clamp(max=p.shape[-1] - 1)
        ids = torch.cat((ids, drawn), 1)
    model.train(mode)
    return ids
