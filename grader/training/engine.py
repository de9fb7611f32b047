"""A model, its optimizers and its text: one step at a time, in one process or as one of several.

Everything random is a function of the seed, the step and the process, so that a run resumed at any step goes on as if it had
never stopped, and needs no generator's state for it.
"""

from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from grader.training import optimizers
from grader.training.model import GPT
from grader.training.pieces import Pieces
from grader.training.recipe import Recipe
from grader.training.text import Text
from solutions.training_run.training_run import evaluate, generate, get_batch

Batch = tuple[Int[Tensor, "batch context"], Int[Tensor, "batch context"]]


class Engine:
    """`step` steps have been done. `compiled`: let torch.compile see the whole of a forward pass, loss included."""

    def __init__(self, recipe: Recipe, text: Text, pieces: Pieces, device: str = "cpu", compiled: bool = False) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.text, self.pieces, self.device = recipe, text, pieces, torch.device(device)
        self.model = GPT(recipe, pieces).to(self.device)
        self.optimizers = optimizers.optimizers(self.model, recipe)
        self.step = 0
        self.rank, self.processes = (
            (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)
        )
        module: nn.Module = torch.compile(self.model, dynamic=False) if compiled else self.model  # type: ignore[assignment]
        self._loss = DistributedDataParallel(module) if self.processes > 1 else module
        self._held_out = text.held_out[: recipe.held_out + 1].long().to(self.device)
        self._upcoming: tuple[int, list[Batch]] = (-1, [])

    def advance(self) -> Float[Tensor, ""]:
        """One step. Returns its loss in nats, of this process's share, still on the device so that a GPU need not wait."""
        at, batches = self._upcoming
        if at != self.step:
            batches = self._batches(self.step)
        torch.manual_seed(self._seed() + 1 + self.rank)  # dropout's masks
        self.model.train()
        loss = self._backward(batches)
        self._upcoming = self.step + 1, self._batches(self.step + 1)  # copied while the GPU still computes
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        optimizers.set_rate(self.optimizers, self.rate(self.step))
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        return loss

    def rate(self, step: int) -> float:
        """The learning rate of a step from 0; neither the first nor the last is wasted on a rate of zero."""
        recipe = self.recipe
        if not recipe.schedule:
            return recipe.learning_rate
        return self.pieces.schedule(step + 1, recipe.learning_rate, 0.0, recipe.warmup, recipe.steps + 1)

    def held_out(self) -> float:
        """The loss on held-out text, in nats, measured by torch's own cross-entropy whatever the pieces are."""
        with self._autocast():
            return evaluate(self.model, self._held_out, 16, self.recipe.context)

    def sample(self, prompt: str, length: int) -> str:
        """`prompt` continued; drawn from the same seed each time, so that samples of two steps compare."""
        ids = torch.tensor([list(prompt.encode())], device=self.device) if not self.text.tokenizer else self._held_out[None, :8]
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed)
        with self._autocast():
            drawn = generate(self.model, ids, length, temperature=0.8, top_k=50, generator=generator)
        return self.text.decode(drawn[0].tolist())

    def state(self) -> dict[str, Any]:
        """All that the rest of the run depends on."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Raises KeyError, ValueError or RuntimeError for the state of another model."""
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(deepcopy(saved))  # torch keeps the very tensors, and steps would change `state`
        self.step = state["step"]

    def _backward(self, batches: list[Batch]) -> Float[Tensor, ""]:
        """The gradient of the mean loss of this process's windows; DistributedDataParallel averages it over the processes."""
        rows = sum(len(x) for x, _ in batches)
        total = torch.zeros((), device=self.device)
        for number, (x, y) in enumerate(batches, 1):
            if isinstance(self._loss, DistributedDataParallel):
                self._loss.require_backward_grad_sync = number == len(batches)  # as its no_sync does: talk once a step
            with self._autocast():
                loss = self._loss(x, y) * (len(x) / rows)
            loss.backward()
            total += loss.detach()
        return total

    def _batches(self, step: int) -> list[Batch]:
        """This process's windows of a step, in micro-batches. All processes draw the same windows, and each takes its rows."""
        if step >= self.recipe.steps:
            return []
        windows, context = self.recipe.shape(step)
        generator = torch.Generator().manual_seed(self._seed(step))
        x, y = get_batch(self.text.training, windows, context, generator)
        largest = self.recipe.micro_batch * self.recipe.context // context  # as many tokens, whatever the context
        shares = zip(*(self._moved(each[self.rank :: self.processes]).split(largest) for each in (x, y)), strict=True)
        return [(x.long(), y.long()) for x, y in shares]

    def _moved(self, tokens: Tensor) -> Tensor:
        if self.device.type != "cuda":
            return tokens
        return tokens.contiguous().pin_memory().to(self.device, non_blocking=True)  # pinned, or the copy would block

    def _seed(self, step: int | None = None) -> int:
        """Far apart for every step and every seed."""
        return (self.recipe.seed * 1_000_003 + (self.step if step is None else step)) * 1024

    def _autocast(self) -> torch.autocast:
        """bfloat16 on a GPU, where it is as good and many times as fast; nothing on the CPU."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")
