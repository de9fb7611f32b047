"""What commands take: exercises by their names, with the nearest ones where a name is wrong, and completion in the shell."""

import difflib
from collections.abc import Iterable
from typing import Annotated

import typer

from grader import render
from grader.catalogue import Exercise, exercises
from grader.verdict import USAGE


def known(name: str) -> Exercise:
    """The exercise of that name; otherwise the nearest names and exit code 2."""
    every = {exercise.name: exercise for exercise in exercises()}
    if name in every:
        return every[name]
    raise usage(f"no exercise {name!r}; {nearest(name, every)} `grader list` shows all.")


def with_code(name: str) -> Exercise:
    """The same, of an exercise that has a file to fill in."""
    exercise = known(name)
    if exercise.kind == "oral":
        raise usage(f"{exercise} has no code to grade, only questions: `grader oral {exercise}`")
    return exercise


def nearest(name: str, known_names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known_names), n=3, cutoff=0)
    return f"did you mean {' or '.join(near)}?"


def usage(message: str) -> typer.Exit:
    render.fail(message)
    return typer.Exit(USAGE)


def _complete(incomplete: str) -> list[str]:
    return [exercise.name for exercise in exercises() if exercise.name.startswith(incomplete)]


def _complete_track(incomplete: str) -> list[str]:
    tracks = dict.fromkeys(exercise.facts.track for exercise in exercises())
    return [track for track in tracks if track.startswith(incomplete)]


def _device(name: str) -> str:
    if name not in DEVICES:
        raise usage(f"no device {name!r}: {' or '.join(DEVICES)}")
    return name


DEVICES = ("cpu", "cuda")
Device = Annotated[str, typer.Option(help=" or ".join(DEVICES), callback=_device)]
Name = Annotated[str, typer.Argument(help="the exercise", autocompletion=_complete)]
Names = Annotated[list[str] | None, typer.Argument(help="the exercises", autocompletion=_complete)]
OptionalName = Annotated[str | None, typer.Argument(help="the exercise", autocompletion=_complete)]
TrackName = Annotated[str | None, typer.Option("--track", help="the exercises of one track", autocompletion=_complete_track)]
