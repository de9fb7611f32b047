"""Tensors of torch's default dtype, without a branch where `where` will do."""

import torch


def warmup_cosine(step, max_lr, min_lr, warmup_steps, total_steps):
    now = torch.tensor(float(step))
    ramp = max_lr * now / max(warmup_steps, 1)
    progress = ((now - warmup_steps) / max(total_steps - warmup_steps, 1)).clamp(0, 1)
    wave = torch.lerp(torch.tensor(float(max_lr)), torch.tensor(float(min_lr)), (1 - torch.cos(torch.pi * progress)) / 2)
    running = torch.where(now < warmup_steps, ramp, wave)
    return torch.where(now < total_steps, running, min_lr).item()


def inverse_sqrt(step, d_model, warmup_steps):
    now = torch.tensor(float(step))
    bounds = [now.rsqrt()] + [now * torch.tensor(float(warmup_steps)).pow(-1.5)] * (warmup_steps > 0)
    return (torch.stack(bounds).amin() * torch.tensor(float(d_model)).rsqrt()).item()


def step_decay(step, base_lr, gamma, step_size):
    return (base_lr * torch.tensor(float(gamma)).pow(step // step_size)).item()


class ReduceOnPlateau(torch.nn.Module):
    def __init__(self, lr, factor=0.1, patience=10, min_lr=0.0):
        super().__init__()
        self.factor, self.patience, self.min_lr = factor, patience, min_lr
        self.register_buffer("lr", torch.tensor(float(lr)))
        self.register_buffer("best", torch.tensor(torch.inf))
        self.register_buffer("bad", torch.tensor(0))

    def step(self, metric):
        better = torch.tensor(metric) < self.best
        self.best = torch.where(better, metric, self.best)
        self.bad = torch.where(better, 0, self.bad + 1)
        due = self.bad > self.patience
        self.lr = torch.where(due, (self.lr * self.factor).clamp(min=self.min_lr), self.lr)
        self.bad = torch.where(due, 0, self.bad)
        return self.lr.item()
