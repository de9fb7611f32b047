"""Sums first, and the gradients divided once at the end; rates from a table made beforehand."""

import torch


def accumulate(model, parts):
    model.zero_grad(set_to_none=False)
    total, rows = 0.0, 0
    for inputs, targets in parts:
        loss = -model(inputs).log_softmax(-1).gather(1, targets[:, None]).sum()
        loss.backward()
        total += loss.item()
        rows += len(targets)
    for parameter in model.parameters():
        parameter.grad /= rows
    return total / rows


def clip(parameters, most):
    having = [parameter for parameter in parameters if parameter.grad is not None]
    length = torch.cat([parameter.grad.flatten() for parameter in having]).double().norm().item()
    if length > most:
        for parameter in having:
            parameter.grad *= most / length
    return length


def rate(step, peak, warmup, total):
    up, down = (step + 1) / warmup, (total - step) / (total - warmup)
    return peak * (up if step + 1 <= warmup else down)


def train(model, optimizer, batches, epochs, peak, warmup):
    steps = [parts for _ in range(epochs) for parts in batches]
    table = [rate(number, peak, warmup, len(steps)) for number in range(len(steps))]
    losses = []
    for parts, now in zip(steps, table, strict=True):
        losses.append(accumulate(model, parts))
        clip(model.parameters(), 1.0)
        optimizer.param_groups[0].update(lr=now)
        optimizer.step()
    return losses
