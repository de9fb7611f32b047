"""`grader train`: a small GPT on real text, of the reference or of your own pieces. Imports no torch before it runs."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from grader import render
from grader.arguments import Device, usage
from grader.journal import Journal
from grader.training.recipe import PRESETS, TRICKS, RunError
from grader.training.request import Request
from grader.training.yours import Answer, answers
from grader.verdict import NOT_PASSED

INTERRUPTED = 128 + signal.SIGINT

app = typer.Typer()


@app.command()
def train(
    preset: Annotated[str | None, typer.Option(help=f"{', '.join(PRESETS)}; by default tiny")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="optimizer steps; by default the preset's")] = None,
    data: Annotated[Path | None, typer.Option(help="a text in UTF-8; by default Python's language reference")] = None,
    out: Annotated[Path | None, typer.Option(help="the run's folder; by default a new one under runs/")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="from the last checkpoint of --out, or of the newest run")] = False,
    device: Device = "cpu",
    mine: Annotated[bool, typer.Option("--mine", help="your own pieces, where they have passed")] = False,
    processes: Annotated[int, typer.Option(min=1, help="through torchrun, each with its share of every batch")] = 1,
    without: Annotated[list[str] | None, typer.Option(help=f"switch a trick off: {', '.join(TRICKS)}")] = None,
    set: Annotated[list[str] | None, typer.Option(help="NAME=NUMBER: another size or rate, such as width=64")] = None,
) -> None:
    """Train a small GPT on real text: checkpoints that survive a kill, a curve, samples; with --mine, of your own pieces."""
    if mine and processes > 1:
        raise usage("--mine runs in one process")
    request = Request(
        preset, steps, data, out, resume, device, mine, processes, tuple(without or ()), tuple(set or ())
    )  # fmt: skip
    raise typer.Exit(_trained(request))


def _trained(request: Request) -> int:
    """The exit code."""
    try:
        if not request.resume:
            request.recipe()  # a slip in the options costs no import of torch
        pieces = _answers() if request.mine else []
        from grader.training.run import WentWrong
        from grader.training.session import Session

        session = Session(request, pieces)
    except RunError as why:
        raise usage(str(why)) from None
    if request.processes > 1 and "RANK" not in os.environ:
        return session.torchrun()
    try:
        finished = session.run()
    except (RunError, WentWrong) as why:
        for line in str(why).splitlines():
            render.fail(line)
        return NOT_PASSED
    if session.leads:
        again = f"grader train --resume --out {render.path(session.folder.path)}" + " --mine" * request.mine
        render.say(f"{'done' if finished else f'stopped and saved; `{again}` goes on'}: {render.path(session.folder.path)}")
    return 0 if finished or request.processes > 1 else INTERRUPTED


def _answers() -> list[Answer]:
    """Yours, with a line for each that the reference replaces."""
    journal = Journal()
    found = answers(journal)
    journal.close()
    for answer in found:
        if answer.refused:
            render.warn(f"{answer.part.piece}: the reference's, for yours {answer.refused.removeprefix('it ')}")
    return found
