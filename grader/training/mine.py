"""Your own pieces in the model, and which of them is at fault when a run goes wrong: they are swapped one at a time."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from grader.catalogue import Exercise
from grader.submission import load
from grader.training import pieces
from grader.training.engine import Engine
from grader.training.pieces import Pieces
from grader.training.recipe import Recipe, RunError
from grader.training.text import Text
from grader.training.yours import Answer

STEPS = 40  # of a trial: with fewer a small model has not yet learned to look back, and a blind attention would pass
WARM = 2  # steps of it that are not timed
SLOW = 3.0  # times the reference's time
LEARNS = 0.95  # of the reference's progress; right pieces make the same to a hundredth, the coins of dropout included

Yours = dict[str, Callable[..., Any]]  # by the names of `Pieces`
Wrong = Callable[[Pieces], str]  # what goes wrong with these pieces; '' for nothing


def loaded(answers: list[Answer]) -> Yours:
    """The functions and classes of the answers that were not refused. Raises RunError where one can't be loaded."""
    found = {}
    for answer in answers:
        if not answer.refused:
            exercise = Exercise(answer.part.exercise)
            try:
                module = load(exercise, answer.source, str(exercise.stub), exercise.asks_for)
            except Exception as why:
                raise RunError(f"{exercise.stub} can't be loaded: {type(why).__name__}: {why}") from None
            found[answer.part.piece] = getattr(module, answer.part.name)
    return found


def blame(yours: Yours, wrong: Wrong) -> list[str]:
    """The pieces whose exchange for the reference's puts the run right; where none does alone, those that are wrong alone."""
    reference = pieces.reference()
    mine = reference.but(**yours)
    cures = [name for name in yours if not wrong(mine.but(**{name: getattr(reference, name)}))]
    return cures or [name for name, piece in yours.items() if wrong(reference.but(**{name: piece}))]


@dataclass(frozen=True)
class Outcome:
    """What a trial came to."""

    raised: str = ""
    progress: float = math.nan  # by how much the held-out loss fell, in nats
    seconds: float = 0.0


class Trial:
    """A short run of the same recipe, its schedule included, by which pieces are compared with the reference's."""

    def __init__(self, recipe: Recipe, text: Text, device: str, steps: int = STEPS) -> None:
        self.recipe, self.text, self.device = recipe.but(steps=steps, held_out=min(recipe.held_out, 4096)), text, device
        self.yardstick = self._outcome(pieces.reference())

    def wrong(self, candidate: Pieces) -> str:
        found = self._outcome(candidate)
        if found.raised:
            return found.raised
        if not found.progress > LEARNS * self.yardstick.progress:  # written so that NaN is wrong
            fell = f"fell by {found.progress:.2f} nats" if math.isfinite(found.progress) else "became NaN"
            beside = f"the reference's by {self.yardstick.progress:.2f}"
            return f"no learning: the held-out loss {fell} in {self.recipe.steps} steps, {beside}"
        if found.seconds > SLOW * self.yardstick.seconds:
            return f"slow: {found.seconds / self.yardstick.seconds:.1f} times the reference's time"
        return ""

    def _outcome(self, candidate: Pieces) -> Outcome:
        try:
            engine = Engine(self.recipe, self.text, candidate, self.device)
            first, spent = engine.held_out(), 0.0
            for step in range(self.recipe.steps):
                began = self._clock()
                loss = float(engine.advance())
                spent += self._clock() - began if step >= WARM else 0.0
                if not math.isfinite(loss):
                    return Outcome(f"the loss is {loss} at step {step + 1} of a trial")
            return Outcome(progress=first - engine.held_out(), seconds=spent)
        except Exception as why:
            return Outcome(f"it raised {type(why).__name__}: {why}")

    def _clock(self) -> float:
        if self.device == "cpu":
            return time.process_time()  # what others do on this machine does not count
        torch.cuda.synchronize()
        return time.perf_counter()


class Replay:
    """The same steps of a run again, from its last checkpoint to where it went wrong, with other pieces."""

    def __init__(self, recipe: Recipe, text: Text, device: str, state: dict[str, Any] | None, until: int) -> None:
        self.recipe, self.text, self.device, self.state, self.until = recipe, text, device, state, until

    def wrong(self, candidate: Pieces) -> str:
        try:
            engine = Engine(self.recipe, self.text, candidate, self.device)
            if self.state is not None:
                engine.load(self.state)
            first = engine.held_out()
            while engine.step < self.until:
                loss = float(engine.advance())
                if not math.isfinite(loss):
                    return f"the loss is {loss} at step {engine.step}"
            last = engine.held_out()
        except Exception as why:
            return f"it raised {type(why).__name__}: {why}"
        if not math.isfinite(last) or (self.state is None and last >= first):
            return f"no learning: the held-out loss is {last:.2f} after {engine.step} steps and was {first:.2f}"
        return ""


def verdict(names: list[str]) -> str:
    """The line that says which piece is at fault."""
    if not names:
        return "no single piece of yours is at fault: the reference's goes wrong here too, or only all of yours together"
    if len(names) == 1:
        return f"at fault: your {names[0]}; with the reference's in its place the run is right"
    return f"at fault: your {' and your '.join(names)}"
