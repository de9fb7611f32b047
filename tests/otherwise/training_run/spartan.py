"""Short and slow: tokens drawn one row at a time, windows copied one by one, a symbolic link for a checkpoint."""

import os
import uuid

import torch
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW

from exercises.training_run.given import GPT, split


def get_batch(tokens, batch_size, context, generator):
    if len(tokens) - context < 1:
        raise ValueError("no window")
    rows = []
    for _ in range(batch_size):
        start = int(torch.randint(0, len(tokens) - context, (), generator=generator))
        rows.append(tokens[start : start + context + 1])
    block = torch.stack(rows).clone()
    return block[:, :-1].contiguous(), block[:, 1:].contiguous()


def configure_optimizer(model, lr, weight_decay, betas):
    split_by_axes = {True: [], False: []}
    for _, p in model.named_parameters():
        split_by_axes[p.dim() >= 2].append(p)
    groups = [{"params": ps, "weight_decay": weight_decay if axes else 0.0} for axes, ps in split_by_axes.items() if ps]
    return AdamW(groups, lr=lr, betas=betas, fused=True)


def train_step(model, micro_batches, optimizer, lr, grad_clip, dtype):
    model.train()
    for p in model.parameters():
        p.grad = None
    losses = []
    for x, y in micro_batches:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            losses.append(
                F.cross_entropy(model(x).permute(0, 2, 1).float() if dtype == torch.bfloat16 else model(x).permute(0, 2, 1), y)
            )
        losses[-1].backward()
        losses[-1] = losses[-1].detach()
    for p in model.parameters():
        p.grad /= len(micro_batches)
    clip_grad_norm_(model.parameters(), grad_clip)
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return torch.stack(losses).mean().item()


def evaluate(model, tokens, batch_size, context):
    targets = len(tokens) - 1
    if targets <= 0:
        raise ValueError("no target")
    mode = model.training
    model.eval()
    whole = targets // context
    total = 0.0
    with torch.no_grad():
        for i in range(0, whole, batch_size):
            rows = torch.stack([tokens[j * context : (j + 1) * context + 1] for j in range(i, min(i + batch_size, whole))])
            total += rows[:, 1:].numel() * F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten()).item()
        if targets % context:
            row = tokens[whole * context :]
            total += (len(row) - 1) * F.cross_entropy(model(row[None, :-1])[0], row[1:]).item()
    model.train(mode)
    return total / targets


def save_checkpoint(path, model, optimizer, step, generator):
    everything = dict(m=model.state_dict(), o=optimizer.state_dict(), s=step, g=generator.get_state(), t=torch.get_rng_state())
    target = f"{path}.{uuid.uuid4().hex}"
    torch.save(everything, target)
    link = f"{target}.link"
    os.symlink(os.path.abspath(target), link)
    os.replace(link, path)


def load_checkpoint(path, model, optimizer, generator):
    everything = torch.load(path, weights_only=False)
    torch.set_rng_state(everything["t"])
    generator.set_state(everything["g"])
    optimizer.load_state_dict(everything["o"])
    model.load_state_dict(everything["m"])
    return int(everything["s"])


def train(config, tokens, device):
    torch.manual_seed(config.seed)
    model = GPT(config).to(device)
    training, held_out = (part.to(device) for part in split(tokens))
    optimizer = configure_optimizer(model, config.learning_rate, config.weight_decay, config.betas)
    generator, records = torch.Generator().manual_seed(config.seed), []
    for step in range(config.steps):
        batches = [get_batch(training, config.batch_size, config.context, generator) for _ in range(config.accumulate)]
        loss = train_step(model, batches, optimizer, config.lr(step), config.grad_clip, config.dtype)
        if (step + 1) % config.eval_interval == 0 or step == config.steps - 1:
            records.append((step + 1, loss, evaluate(model, held_out, config.batch_size, config.context)))
    return records


def generate(model, prompt, max_new_tokens, temperature=1.0, top_k=None, generator=None):
    if temperature <= 0 or (top_k or 1) < 1 or top_k == 0:
        raise ValueError("cannot sample")
    mode = model.training
    model.eval()
    text = prompt.clone()
    for _ in range(max_new_tokens):
        with torch.no_grad():
            logits = model(text[:, -model.config.context :])[:, -1] / temperature
        picks = []
        for row in logits:
            values, tokens = row.sort(descending=True)
            reached = values[:top_k].softmax(0).cumsum(0)
            pick = int((reached < torch.rand((), generator=generator)).sum().clamp(max=len(reached) - 1))
            picks.append(tokens[pick])
        text = torch.cat([text, torch.stack(picks)[:, None]], dim=1)
    model.train(mode)
    return text
