"""A run from its first step, or its last checkpoint, to its end: logs, checks itself on held-out text, saves, can be stopped.

Under torchrun, every process runs this; the first one writes and speaks.
"""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

import torch
from torch import distributed

from grader.training import checkpoint, throughput
from grader.training.engine import Engine
from grader.training.folder import Record, RunFolder
from grader.training.recipe import RunError

PROMPT = "\n"
SAMPLE = 160  # tokens


class WentWrong(Exception):
    """A run that can't be worth its time: the message says how, `step` where."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class Watcher(Protocol):
    """Whoever is told about a run."""

    def record(self, record: Record) -> None: ...
    def sample(self, step: int, text: str) -> None: ...
    def warn(self, message: str) -> None: ...


class Silent:
    """Is told, and says nothing."""

    def record(self, record: Record) -> None: ...
    def sample(self, step: int, text: str) -> None: ...
    def warn(self, message: str) -> None: ...


class Stop:
    """Ctrl-C or SIGTERM: asked once, the run saves and ends; asked twice, it ends at once."""

    def __init__(self) -> None:
        self.asked = False

    def _ask(self, number: int, _: FrameType | None) -> None:
        self.asked = True
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Run:
    """One run in its folder. `guards`: an exception in a piece, or no progress after a quarter of the run, is WentWrong too."""

    def __init__(self, engine: Engine, folder: RunFolder, watcher: Watcher, guards: bool = False) -> None:
        self.engine, self.recipe, self.folder = engine, engine.recipe, folder
        self.leads = engine.rank == 0
        self.watcher = watcher if self.leads else Silent()
        self.guards = guards
        self._peak = throughput.peak(engine.device) * engine.processes if self.leads else 0.0
        self._began = time.perf_counter()
        self._first = math.inf  # the loss on held-out text before the first step
        self._saved = -1  # the step of the last checkpoint

    def resume(self) -> None:
        """Goes back to the last checkpoint. Raises RunError for one that is broken or of another model."""
        path = self.folder.last_checkpoint()
        if path is not None:
            try:
                self.engine.load(checkpoint.load(path))
            except (KeyError, ValueError, RuntimeError) as why:
                raise RunError(f"{path} is a checkpoint of another config: {str(why).splitlines()[0]}") from None
            self._saved = self.engine.step
        if self.leads:
            self.folder.rewind(self.engine.step)
            self.folder.prune()

    def to_the_end(self) -> bool:
        """False where it was stopped before. Raises WentWrong, and RunError where the end could not be saved."""
        if self.guards and self.engine.step == 0:
            self._first = self.engine.held_out()
        with Stop().listening() as stop:
            stopped = self._steps(stop)
        if self.leads:
            self._save(last=True)
            self.folder.draw()
        return not stopped

    def _steps(self, stop: Stop) -> bool:
        """Whether it was stopped."""
        began, counted = time.perf_counter(), self.recipe.tokens(self.engine.step)
        while self.engine.step < self.recipe.steps:
            loss = self._advanced()
            step = self.engine.step
            checks = step % self.recipe.check_every == 0 or step == self.recipe.steps
            if checks or step % self.recipe.log_every == 0 or (stop.asked and self.engine.processes == 1):
                mean, asked = self._agreed(loss, stop)
                seen, now = self.recipe.tokens(step), time.perf_counter()
                self._log(mean, seen, (seen - counted) / (now - began), checks or asked)
                if asked:
                    return step < self.recipe.steps
                if checks and step < self.recipe.steps and self.leads:
                    self._save()
                began, counted = time.perf_counter(), seen  # held-out losses, samples and checkpoints are not training
        return False

    def _advanced(self) -> torch.Tensor:
        try:
            return self.engine.advance()
        except Exception as why:
            if not self.guards:
                raise
            raise WentWrong(f"it raised {type(why).__name__}: {why}", self.engine.step + 1) from why

    def _agreed(self, loss: torch.Tensor, stop: Stop) -> tuple[float, bool]:
        """The mean loss of all processes, and whether any was asked to stop: they must all stop at the same step."""
        both = torch.stack([loss.float(), torch.tensor(float(stop.asked), device=loss.device)])
        if self.engine.processes > 1:
            distributed.all_reduce(both)
            both /= self.engine.processes
        mean, asked = both.tolist()
        if not math.isfinite(mean):
            raise WentWrong(f"the loss is {mean} at step {self.engine.step}", self.engine.step)
        return mean, asked > 0

    def _log(self, loss: float, seen: int, speed: float, checks: bool) -> None:
        if not self.leads:
            return
        step = self.engine.step
        held_out = self.engine.held_out() if checks else None
        flops = throughput.flops_per_token(self.engine.model, self.recipe.shape(step - 1)[1])
        record = Record(
            step=step, tokens=seen, loss=loss, rate=self.engine.rate(step - 1), tokens_per_second=round(speed, 1),
            mfu=round(speed * flops / self._peak, 4), seconds=round(time.perf_counter() - self._began, 2),
            held_out=held_out, bits_per_byte=None if held_out is None else self.engine.text.bits_per_byte(held_out),
        )  # fmt: skip
        try:
            self.folder.add(record)
        except RunError as why:
            self.watcher.warn(f"{why}; tried again at the next record")
        self.watcher.record(record)
        if held_out is not None:
            self._judge(held_out)
            self.watcher.sample(step, self.engine.sample(PROMPT, SAMPLE))

    def _judge(self, held_out: float) -> None:
        if not math.isfinite(held_out):
            raise WentWrong(f"the held-out loss is {held_out} at step {self.engine.step}", self.engine.step)
        if self.guards and self.engine.step * 4 >= self.recipe.steps and math.isfinite(self._first) and held_out >= self._first:
            raise WentWrong(f"the held-out loss has not fallen by step {self.engine.step}", self.engine.step)

    def _save(self, last: bool = False) -> None:
        """A checkpoint; a disk that is full costs a warning, at the end of the run a RunError. The one before it stands."""
        if self._saved == self.engine.step:
            return
        try:
            checkpoint.save(self.folder.checkpoint(self.engine.step), self.engine.state())
            self._saved = self.engine.step
            self.folder.prune()
        except RunError as why:
            stands = f"the checkpoint of step {self._saved} stands" if self._saved > 0 else "there is none yet"
            if last:
                raise RunError(f"{why}; {stands}: make room, then --resume") from None
            self.watcher.warn(f"{why}; {stands}, and the run goes on")


@contextmanager
def together(device: str) -> Iterator[str]:
    """Joins the processes that torchrun started, if it did; the device of this one."""
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield device
    finally:
        distributed.destroy_process_group()
