"""Our recipe against the textbook's: the CPU time to the loss at which the textbook ends, and what each trick is worth.

    python scripts/time_to_loss.py              # the ratio
    python scripts/time_to_loss.py --ablation   # and a line for every trick, switched off
    python scripts/time_to_loss.py --sweep      # first find the textbook's best rate

The textbook is the same model on the same text, with plain AdamW at a constant rate from torch's default
initialisation. One thread each, a step of one after steps of the other, so that a busy machine is as bad for both. Time is
the CPU time of the training steps; losses on held-out text are not counted.
"""

import argparse
import time
from dataclasses import dataclass, field

import torch

from grader.training import text as texts
from grader.training.engine import Engine
from grader.training.pieces import Pieces, reference
from grader.training.recipe import PRESETS, TRICKS, Recipe, textbook
from grader.training.text import Text

RATES = (1e-3, 3e-3, 1e-2)  # of the sweep


@dataclass
class Racer:
    """An engine, the CPU time that it has used, and (seconds, loss) whenever it was checked."""

    name: str
    engine: Engine
    check_every: int
    seconds: float = 0.0
    checks: list[tuple[float, float]] = field(default_factory=list)

    def advance(self) -> None:
        began = time.process_time()
        self.engine.advance()
        self.seconds += time.process_time() - began
        if self.engine.step % self.check_every == 0 or self.finished:
            self.checks.append((self.seconds, self.engine.held_out()))

    @property
    def finished(self) -> bool:
        return self.engine.step >= self.engine.recipe.steps

    @property
    def share(self) -> float:
        return self.engine.step / self.engine.recipe.steps

    def seconds_to(self, loss: float) -> float | None:
        """Of the first check at or below `loss`."""
        return next((seconds for seconds, reached in self.checks if reached <= loss), None)


def main() -> None:
    asked = arguments()
    torch.set_num_threads(1)
    base = PRESETS["tiny"].but(seed=asked.seed)
    text = texts.tokens(*texts.source(None), base.vocab, base.context)
    plain = textbook(base).but(steps=asked.steps, learning_rate=asked.rate)
    if asked.sweep:
        plain = swept(plain, text)
    ours = base.but(steps=asked.ours)
    names = [name for name in TRICKS if getattr(base, name)]
    plain_rate = {"muon": {"learning_rate": plain.learning_rate}}  # without Muon the matrices want AdamW's rate
    racers = [racer("textbook", plain, text), racer("ours", ours, text)]
    if asked.ablation:
        racers += [racer(f"without {name}", ours.without(name).but(**plain_rate.get(name, {})), text) for name in names]
    race(racers)
    report(racers)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150, help="of the textbook")
    parser.add_argument("--ours", type=int, default=36, help="steps of ours: its schedule ends there")
    parser.add_argument("--rate", type=float, default=3e-3, help="the textbook's constant rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--sweep", action="store_true", help=f"the best of the rates {RATES} for the textbook")
    return parser.parse_args()


def racer(name: str, recipe: Recipe, text: Text) -> Racer:
    engine = Engine(recipe, text, Pieces() if recipe.fused else reference())
    return Racer(name, engine, max(1, recipe.steps // 15))


def swept(plain: Recipe, text: Text) -> Recipe:
    """The textbook at the rate with which it ends lowest."""
    racers = [racer(f"textbook at {rate:g}", plain.but(learning_rate=rate), text) for rate in RATES]
    race(racers)
    for each in racers:
        print(f"{each.name}: {each.checks[-1][1]:.3f} after {each.seconds:.1f} s")
    return min(racers, key=lambda each: each.checks[-1][1]).engine.recipe


def race(racers: list[Racer]) -> None:
    """Whoever is furthest from the end of its run goes next."""
    while waiting := [each for each in racers if not each.finished]:
        min(waiting, key=lambda each: each.share).advance()


def report(racers: list[Racer]) -> None:
    first = racers[0]
    target = first.checks[-1][1]
    print(f"to a held-out loss of {target:.3f}, at which the textbook ends:")
    print(f"{'recipe':<24} {'parameters':>10} {'steps':>6} {'CPU s':>7} {'loss':>7} {'CPU s to it':>12} {'ratio':>7}")
    for each in racers:
        reached = each.seconds if each is first else each.seconds_to(target)
        told = f"{reached:12.1f} {first.seconds / reached:7.2f}" if reached else f"{'never':>12} {'-':>7}"
        size = sum(parameter.numel() for parameter in each.engine.model.parameters())
        figures = f"{size:>10,} {each.engine.recipe.steps:>6} {each.seconds:7.1f} {each.checks[-1][1]:7.3f}"
        print(f"{each.name:<24} {figures} {told}")


if __name__ == "__main__":
    main()
