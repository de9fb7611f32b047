import os

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer

from exercises.training_run.given import GPT, Config, Record, split

Batch = tuple[Int[Tensor, "batch context"], Int[Tensor, "batch context"]]


def get_batch(tokens: Int[Tensor, " n"], batch_size: int, context: int, generator: torch.Generator) -> Batch:
    """x, windows of `tokens` that `generator` chooses, and y, what follows each token of x: x shifted by one.

    All n - context windows are equally likely, row by row. Raises ValueError when there is none.
    """
    if len(tokens) <= context:
        raise ValueError(f"{len(tokens)} tokens hold no window of {context} and its last target")
    windows = tokens.unfold(0, context + 1, 1)  # a view of all of them: no arithmetic by which to lose the last one
    chosen = windows[torch.randint(len(windows), (batch_size,), generator=generator)]
    return chosen[:, :-1], chosen[:, 1:]


def configure_optimizer(model: nn.Module, lr: float, weight_decay: float, betas: tuple[float, float]) -> AdamW:
    """AdamW over each parameter of `model` once; only those with two or more axes decay. Source: Loshchilov and Hutter 2019."""
    parameters = list(model.parameters())  # the tied matrix comes once
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},  # a gain that decays mutes its layer
    ]
    return AdamW(groups, lr=lr, betas=betas)


def train_step(
    model: nn.Module, micro_batches: list[Batch], optimizer: Optimizer, lr: float, grad_clip: float, dtype: torch.dtype
) -> float:
    """One step of `optimizer`, at the rate `lr`, down the mean of the micro-batches' losses. Returns that mean, in nats.

    In training mode, under autocast unless `dtype` is float32, with the norm of the whole gradient at most `grad_clip`.
    """
    model.train()
    optimizer.zero_grad()
    for group in optimizer.param_groups:
        group["lr"] = lr
    total = 0.0
    for x, y in micro_batches:
        with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
            loss = _loss(model, x, y, "mean") / len(micro_batches)
        loss.backward()  # at once: keeping every graph for one backward would cost the memory that accumulation saves
        total += loss.detach()  # still a tensor: a float here would make the GPU wait in every micro-batch
    nn.utils.clip_grad_norm_(model.parameters(), grad_clip)  # once: inside the loop it would clip a running sum
    optimizer.step()
    return float(total)


def evaluate(model: nn.Module, tokens: Int[Tensor, " n"], batch_size: int, context: int) -> float:
    """The mean loss over all n - 1 targets, in consecutive windows of `context` (the last may be shorter), in nats.

    In evaluation mode; the mode it found comes back. Raises ValueError when there is no target.
    """
    if len(tokens) < 2:
        raise ValueError("a loss needs a token and its target")
    was_training = model.training
    model.eval()
    missing = -(len(tokens) - 1) % context
    x = F.pad(tokens[:-1], (0, missing)).view(-1, context)  # a causal model does not see the padding behind a token,
    y = F.pad(tokens[1:], (0, missing), value=-100).view(-1, context)  # and cross-entropy skips the targets -100
    with torch.no_grad():
        total = sum(float(_loss(model, *batch, "sum")) for batch in zip(x.split(batch_size), y.split(batch_size), strict=True))
    model.train(was_training)
    return total / (len(tokens) - 1)  # sums divided once: a mean of means would overrate the short last batch


def save_checkpoint(
    path: str | os.PathLike[str], model: nn.Module, optimizer: Optimizer, step: int, generator: torch.Generator
) -> None:
    """All that the rest of a run depends on, in one file. At any time `path` holds the old checkpoint or the new one, whole."""
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "generator": generator.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
    }
    torch.save(state, f"{path}.tmp")  # beside it, since a rename is atomic only within one file system
    os.replace(f"{path}.tmp", path)


def load_checkpoint(path: str | os.PathLike[str], model: nn.Module, optimizer: Optimizer, generator: torch.Generator) -> int:
    """Puts the run saved in `path` back into `model`, `optimizer`, `generator` and torch's own generators. Returns its step."""
    state = torch.load(path, map_location="cpu")  # generator states stay there; the others move to where their owners are
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    generator.set_state(state["generator"])
    torch.set_rng_state(state["torch"])
    torch.cuda.set_rng_state_all(state["cuda"])
    return state["step"]


def train(config: Config, tokens: Int[Tensor, " n"], device: str | torch.device) -> list[Record]:
    """A whole run on the first part of `split(tokens)`; a record every `eval_interval` steps and after the last one."""
    torch.manual_seed(config.seed)
    model = GPT(config).to(device)
    optimizer = configure_optimizer(model, config.learning_rate, config.weight_decay, config.betas)
    generator = torch.Generator().manual_seed(config.seed)
    training, held_out = split(tokens.to(device))
    records = []
    for step in range(config.steps):
        batches = [get_batch(training, config.batch_size, config.context, generator) for _ in range(config.accumulate)]
        loss = train_step(model, batches, optimizer, config.lr(step), config.grad_clip, config.dtype)
        done = step + 1
        if done % config.eval_interval == 0 or done == config.steps:
            records.append(Record(done, loss, evaluate(model, held_out, config.batch_size, config.context)))
    return records


def generate(
    model: nn.Module,
    prompt: Int[Tensor, "batch time"],
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "batch time+max_new_tokens"]:
    """`prompt` and a sampled continuation of each row, from the `top_k` likeliest tokens where that is given.

    In evaluation mode; the mode it found comes back. Raises ValueError unless temperature > 0 and top_k >= 1.
    """
    if temperature <= 0 or (top_k is not None and top_k < 1):
        raise ValueError(f"cannot sample at temperature {temperature} from the top {top_k}")
    was_training = model.training
    model.eval()
    ids = prompt
    for _ in range(max_new_tokens):
        with torch.no_grad():
            logits = model(ids[:, -model.config.context :])[:, -1]  # positions beyond the context have no embedding
        logits, tokens = logits.sort(descending=True)  # so that the likeliest are a slice, and no mask has to be right
        drawn = torch.multinomial((logits[:, :top_k] / temperature).softmax(1), 1, generator=generator)
        ids = torch.cat([ids, tokens.gather(1, drawn)], dim=1)
    model.train(was_training)
    return ids


def _loss(model: nn.Module, x: Tensor, y: Tensor, reduction: str) -> Float[Tensor, ""]:
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction=reduction)
