"""Five mistakes of training_run, made again by another route: each must still be recognized under its name."""

import os
import shutil

import torch
from torch.nn import functional as F

from exercises.training_run.given import GPT, Record
from grader.kit import instead_of
from solutions.training_run.training_run import configure_optimizer, evaluate, get_batch, train_step


@instead_of("get_batch")
def asks_for_the_token_itself(tokens, batch_size, context, generator):
    if context >= len(tokens):
        raise ValueError("too short")
    starts = torch.randint(len(tokens) - context, (batch_size, 1), generator=generator)
    x = tokens[starts + torch.arange(context)]
    return x, torch.empty_like(x).copy_(x)


@instead_of("train_step")
def forgets_to_divide_by_the_micro_batches(model, micro_batches, optimizer, lr, grad_clip, dtype):
    model.train()
    parameters = list(model.parameters())
    gradients, losses = [torch.zeros_like(p) for p in parameters], []
    for x, y in micro_batches:
        with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
            losses.append(F.cross_entropy(model(x).transpose(1, 2), y))
        found = torch.autograd.grad(losses[-1], parameters)
        gradients = [old + new for old, new in zip(gradients, found, strict=True)]
    norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
    for p, gradient in zip(parameters, gradients, strict=True):
        p.grad = gradient * min(1.0, grad_clip / norm.item())
    for group in optimizer.param_groups:
        group.update(lr=lr)
    optimizer.step()
    return torch.stack(losses).mean().item()


@instead_of("evaluate")
def drops_the_last_window(model, tokens, batch_size, context):
    if len(tokens) < 2:
        raise ValueError("too short")
    mode, targets = model.training, len(tokens) - 1
    used = targets - targets % context if targets >= context else targets
    model.train(False)
    with torch.inference_mode():
        rows = torch.arange(used).view(-1, min(context, used)).split(batch_size)
        losses = [F.cross_entropy(model(tokens[r]).transpose(1, 2), tokens[r + 1], reduction="none").flatten() for r in rows]
    model.train(mode)
    return torch.cat(losses).double().mean().item()


@instead_of("save_checkpoint")
def removes_the_old_checkpoint_first(path, model, optimizer, step, generator):
    folder, name = os.path.split(path)
    waiting = os.path.join(folder, "." + name)
    states = [generator.get_state(), torch.get_rng_state(), torch.cuda.get_rng_state_all()]
    saved = dict(zip(("generator", "torch", "cuda"), states, strict=True))
    with open(waiting, "wb") as file:
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, **saved}, file)
    if os.path.isfile(path):
        os.unlink(path)
    shutil.move(waiting, path, copy_function=os.rename)


@instead_of("train")
def never_asks_the_schedule(config, tokens, device):
    torch.manual_seed(config.seed)
    model = GPT(config).to(device)
    optimizer = configure_optimizer(model, config.learning_rate, config.weight_decay, config.betas)
    generator = torch.Generator().manual_seed(config.seed)
    held_out = tokens[len(tokens) - len(tokens) // 10 :]
    training = tokens[: len(tokens) - len(held_out)]
    records = []
    for done in range(1, config.steps + 1):
        batches = []
        for _ in range(config.accumulate):
            batches.append(get_batch(training, config.batch_size, config.context, generator))
        rate = optimizer.param_groups[0]["lr"]
        loss = train_step(model, batches, optimizer, rate, config.grad_clip, config.dtype)
        if done == config.steps or done % config.eval_interval == 0:
            records.append(Record(done, loss, evaluate(model, held_out, config.batch_size, config.context)))
    return records
