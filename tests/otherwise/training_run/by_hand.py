"""No helper of torch's: gradients by torch.autograd.grad, clipping by hand, windows one by one, sampling by Gumbel noise."""

import contextlib
import os
import pickle

import torch
from torch.nn import functional as F
from torch.optim import AdamW

from exercises.training_run.given import GPT, split


def get_batch(tokens, batch_size, context, generator):
    last = len(tokens) - context - 1
    if last < 0:
        raise ValueError("no window")
    starts = (torch.rand(batch_size, generator=generator, dtype=torch.float64) * (last + 1)).long().tolist()
    x = torch.stack([tokens[start : start + context] for start in starts])
    return x, torch.stack([tokens[start + 1 : start + 1 + context] for start in starts])


def configure_optimizer(model, lr, weight_decay, betas):
    groups = [{"params": [p], "weight_decay": weight_decay * (p.ndim > 1)} for p in model.parameters()]
    return AdamW(groups, lr, betas, foreach=True)


def train_step(model, micro_batches, optimizer, lr, grad_clip, dtype):
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    gradients, losses = [torch.zeros_like(p) for p in parameters], []
    for x, y in micro_batches:
        reduced = torch.autocast(x.device.type, dtype) if dtype == torch.bfloat16 else contextlib.nullcontext()
        with reduced:
            logits = model(x)
        log_p = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
        loss = -log_p.gather(-1, y.unsqueeze(-1)).mean()
        for total, gradient in zip(gradients, torch.autograd.grad(loss, parameters), strict=True):
            total += gradient / len(micro_batches)
        losses.append(loss.item())
    norm = sum(gradient.square().sum().item() for gradient in gradients) ** 0.5
    for p, gradient in zip(parameters, gradients, strict=True):
        p.grad = gradient * (grad_clip / norm) if norm > grad_clip else gradient
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return sum(losses) / len(losses)


def evaluate(model, tokens, batch_size, context):
    n = len(tokens) - 1
    if n < 1:
        raise ValueError("no target")
    mode = model.training
    model.eval()
    starts = list(range(0, n, context))
    full = [start for start in starts if start + context <= n]
    groups = [full[i : i + batch_size] for i in range(0, len(full), batch_size)] + [[s] for s in starts if s not in full]
    losses = []
    with torch.inference_mode():
        for group in groups:
            rows = [tokens[start : min(start + context, n) + 1] for start in group]
            window = torch.stack(rows)
            losses.append(F.cross_entropy(model(window[:, :-1]).transpose(1, 2), window[:, 1:], reduction="none").flatten())
    model.train(mode)
    return torch.cat(losses).double().mean().item()


def save_checkpoint(path, model, optimizer, step, generator):
    parts = (model.state_dict(), optimizer.state_dict(), step, generator.get_state(), torch.get_rng_state())
    folder = os.path.dirname(os.path.abspath(path))
    beside = os.path.join(folder, f".{os.getpid()}")
    with open(beside, "wb") as file:
        pickle.dump((*parts, torch.cuda.get_rng_state_all()), file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(beside, path)


def load_checkpoint(path, model, optimizer, generator):
    with open(path, "rb") as file:
        weights, moments, step, windows, own, cuda = pickle.load(file)
    model.load_state_dict(weights)
    optimizer.load_state_dict(moments)
    generator.set_state(windows)
    torch.set_rng_state(own)
    torch.cuda.set_rng_state_all(cuda)
    return step


def train(config, tokens, device):
    training, held_out = (part.to(device) for part in split(tokens))
    generator = torch.Generator()
    generator.manual_seed(config.seed)
    torch.manual_seed(config.seed)
    model = GPT(config).to(device)
    optimizer, records = configure_optimizer(model, 1.0, config.weight_decay, config.betas), []
    for done in range(1, config.steps + 1):
        batches = []
        while len(batches) < config.accumulate:
            batches.append(get_batch(training, config.batch_size, config.context, generator))
        loss = train_step(model, batches, optimizer, config.lr(done - 1), config.grad_clip, config.dtype)
        if done == config.steps or not done % config.eval_interval:
            records.append((done, loss, evaluate(model, held_out, 16, config.context)))
    return records


def generate(model, prompt, max_new_tokens, temperature=1.0, top_k=None, generator=None):
    if not temperature > 0 or (top_k is not None and top_k <= 0):
        raise ValueError("cannot sample")
    mode = model.training
    model.eval()
    text = torch.zeros(len(prompt), prompt.shape[1] + max_new_tokens, dtype=prompt.dtype)
    text[:, : prompt.shape[1]] = prompt
    with torch.inference_mode():
        for end in range(prompt.shape[1], text.shape[1]):
            logits = model(text[:, max(0, end - model.config.context) : end])[:, -1] / temperature
            if top_k is not None:
                worse = logits.argsort(-1, descending=True)[:, top_k:]
                logits = logits.scatter(-1, worse, -torch.inf)
            noise = -torch.log(-torch.log(torch.rand(logits.shape, generator=generator).clamp(1e-20, 1 - 1e-7)))
            text[:, end] = (logits + noise).argmax(-1)
    model.train(mode)
    return text
