import os

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from exercises.training_run.given import Config, Record

Batch = tuple[Int[Tensor, "batch context"], Int[Tensor, "batch context"]]


def get_batch(tokens: Int[Tensor, " n"], batch_size: int, context: int, generator: torch.Generator) -> Batch:
    """x, windows of `tokens` that `generator` chooses, and y, what follows each token of x: x shifted by one.

    All n - context windows are equally likely, row by row. Raises ValueError when there is none.
    """
    raise NotImplementedError


def configure_optimizer(model: nn.Module, lr: float, weight_decay: float, betas: tuple[float, float]) -> AdamW:
    """AdamW over each parameter of `model` once; only those with two or more axes decay. Source: Loshchilov and Hutter 2019."""
    raise NotImplementedError


def train_step(
    model: nn.Module, micro_batches: list[Batch], optimizer: Optimizer, lr: float, grad_clip: float, dtype: torch.dtype
) -> float:
    """One step of `optimizer`, at the rate `lr`, down the mean of the micro-batches' losses. Returns that mean, in nats.

    In training mode, under autocast unless `dtype` is float32, with the norm of the whole gradient at most `grad_clip`.
    """
    raise NotImplementedError


def evaluate(model: nn.Module, tokens: Int[Tensor, " n"], batch_size: int, context: int) -> float:
    """The mean loss over all n - 1 targets, in consecutive windows of `context` (the last may be shorter), in nats.

    In evaluation mode; the mode it found comes back. Raises ValueError when there is no target.
    """
    raise NotImplementedError


def save_checkpoint(
    path: str | os.PathLike[str], model: nn.Module, optimizer: Optimizer, step: int, generator: torch.Generator
) -> None:
    """All that the rest of a run depends on, in one file. At any time `path` holds the old checkpoint or the new one, whole."""
    raise NotImplementedError


def load_checkpoint(path: str | os.PathLike[str], model: nn.Module, optimizer: Optimizer, generator: torch.Generator) -> int:
    """Puts the run saved in `path` back into `model`, `optimizer`, `generator` and torch's own generators. Returns its step."""
    raise NotImplementedError


def train(config: Config, tokens: Int[Tensor, " n"], device: str | torch.device) -> list[Record]:
    """A whole run on the first part of `split(tokens)`; a record every `eval_interval` steps and after the last one."""
    raise NotImplementedError


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
    raise NotImplementedError
