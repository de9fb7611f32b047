"""One `grader train`, from what was asked for to the end of the run: text, folder, pieces, engine, display."""

import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import psutil
import torch

from grader import render
from grader.training import mine, pieces
from grader.training import text as texts
from grader.training.checkpoint import load
from grader.training.display import Display
from grader.training.engine import Engine
from grader.training.folder import Config, Record, RunFolder, fresh, newest
from grader.training.recipe import Recipe, RunError
from grader.training.request import RUNS, Request
from grader.training.run import Run, WentWrong, together
from grader.training.yours import Answer

DROPOUT = 0.1  # of a run on your pieces whose recipe has none: or yours would have nothing to do
MODULE = "grader"  # what torchrun starts in each process


class Session:
    """Checks all that can be checked before the first step. Raises RunError.

    `answers`: with --mine, the learner's; the refused ones are replaced by the reference's.
    """

    def __init__(self, request: Request, answers: list[Answer]) -> None:
        self.request = request
        if request.device == "cuda" and not torch.cuda.is_available():
            raise RunError("--device cuda: torch finds no CUDA device here")
        self.leads = os.environ.get("RANK", "0") == "0"
        accepted = {each.part.piece: each.sha256 for each in answers if not each.refused}
        if request.mine and not accepted:
            raise RunError(f"--mine: none of your pieces has passed yet; {answers[0].part.exercise}: {answers[0].refused}")
        path = request.out or (newest if request.resume else fresh)(RUNS, request.preset_name)
        self.folder = RunFolder(path)
        saved = self.folder.config() if request.resume else None
        if self.leads and not saved:
            self.folder.vacant()
        recipe = self._recipe(saved)
        data = request.data or (Path(saved.data) if saved and saved.data else None)
        self.text = texts.tokens(*texts.source(data), recipe.vocab, recipe.context, self.folder.tokenizer() if saved else "")
        preset = request.preset or (saved.preset if saved else request.preset_name)
        self.config = Config(preset, recipe, str(data.absolute()) if data else "", self.text.sha256, accepted)
        if saved and (difference := saved.difference(self.config)):
            raise RunError(f"--resume: {path} holds another run: {difference}")
        self.yours = mine.loaded(answers)
        self.pieces = pieces.Pieces() if recipe.fused and not request.mine else pieces.reference()

    def _recipe(self, saved: Config | None) -> Recipe:
        recipe = self.request.laid_over(saved.recipe) if saved else self.request.recipe()
        return recipe.but(dropout=recipe.dropout or DROPOUT) if self.request.mine else recipe

    def torchrun(self) -> int:
        """The same session in several processes; the exit code."""
        command = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={self.request.processes}"]
        threads = str(max(1, (os.cpu_count() or 1) // self.request.processes))
        process = subprocess.Popen(
            [sys.executable, *command, "-m", MODULE, "train", *self.request.arguments(self.folder.path)],
            env={"OMP_NUM_THREADS": threads, **os.environ},
            start_new_session=True,  # or Ctrl-C would reach its processes twice, from the terminal and from torchrun
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            for each in psutil.Process(process.pid).children(recursive=True):  # not torchrun, which would die with a traceback
                each.send_signal(signal.SIGINT)
            process.wait()
            return 128 + signal.SIGINT

    def run(self) -> bool:
        """False where it was stopped. Raises WentWrong, which names the piece at fault, and RunError."""
        with together(self.request.device) as device:
            if self.leads:
                self.folder.hold(begin=None if self.request.resume else self.config, tokenizer=self.text.tokenizer)
            recipe = self.config.recipe
            if self.yours and not self.request.resume:
                self._try_out(recipe, device)
            compiled = device.startswith("cuda") and recipe.fused and not self.yours
            engine = Engine(recipe, self.text, self.pieces.but(**self.yours), device, compiled)
            display = Display(recipe, self._title(engine), self._before())
            with display if self.leads else nullcontext():
                run = Run(engine, self.folder, display, guards=bool(self.yours))
                if self.request.resume:
                    run.resume()
                try:
                    return run.to_the_end()
                except WentWrong as why:
                    wrong = why
            if self.yours:
                raise self._named(wrong, device)
            raise wrong

    def _before(self) -> list[Record]:
        if not self.request.resume:
            return []
        path = self.folder.last_checkpoint()
        step = int(path.stem.removeprefix("step-")) if path else 0
        return [Record(**{"mfu": None, **record}) for record in self.folder.records() if record["step"] <= step]

    def _try_out(self, recipe: Recipe, device: str) -> None:
        """A trial of all your pieces before the run. Raises WentWrong."""
        render.aside(f"trying out {', '.join(self.yours)} beside the reference, {mine.STEPS} steps each")
        trial = mine.Trial(recipe, self.text, device)
        wrong = trial.wrong(self.pieces.but(**self.yours))
        if wrong.startswith("slow"):
            wrong = trial.wrong(self.pieces.but(**self.yours))  # a busy machine can look like it, but rarely twice
        if wrong:
            raise WentWrong(f"{wrong}\n{mine.verdict(mine.blame(self.yours, trial.wrong))}", 0)

    def _named(self, why: WentWrong, device: str) -> WentWrong:
        """The same, with the piece at fault: the steps since the last checkpoint are done again with one piece exchanged."""
        path = self.folder.last_checkpoint()
        replay = mine.Replay(self.config.recipe, self.text, device, load(path) if path else None, why.step)
        return WentWrong(f"{why}\n{mine.verdict(mine.blame(self.yours, replay.wrong))}", why.step)

    def _title(self, engine: Engine) -> str:
        many = f" x {engine.processes}" if engine.processes > 1 else ""
        whose = f"your {', '.join(self.yours)}" if self.yours else "the reference"
        size = sum(each.numel() for each in engine.model.parameters())
        return f"{self.config.preset}: {size:,} parameters, {whose}, {engine.device}{many}, {render.path(self.folder.path)}"
