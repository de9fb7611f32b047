"""The command that interviews: a new session, one that goes on, or the interviewer's view of it."""

import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from grader import render
from grader.arguments import TrackName, nearest, usage
from grader.attempt import kept_fingerprints, new_sandbox
from grader.catalogue import LEVELS, exercises
from grader.interview import Session, begun, folder_of, found, is_alive, unfinished
from grader.journal import Journal
from grader.pack import Pack, PackError, draw, load, quick
from grader.sandbox import Sandbox

MINUTES = 45.0
ENDING = 15  # looks, five a second

app = typer.Typer()


@app.command()
def interview(
    session: Annotated[str | None, typer.Argument(help="with --resume: the number of a session; by default the latest")] = None,
    minutes: Annotated[float | None, typer.Option(min=2, max=600, help="of a session without a pack; 45 by default")] = None,
    track: TrackName = None,
    level: Annotated[str | None, typer.Option(help=f"of the code: {', '.join(LEVELS)}")] = None,
    seed: Annotated[int | None, typer.Option(help="draws the exercises; by default another one each time")] = None,
    pack: Annotated[
        str | None, typer.Option(help="phone_screen, coding, debugging, training_infrastructure, inference, or a TOML file")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="a verdict at every save, not only on request")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a session, as its clock stood")] = False,
    watch: Annotated[
        str | None, typer.Option(metavar="SESSION", help="the interviewer's screen: the number of a session, or 'last'")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="line by line, for pipes, dumb terminals and screen readers")] = False,
) -> None:
    """A timed mock interview: a fresh stub, a verdict on request, hints at a cost, questions, and a scorecard."""
    plain = plain or not sys.stdout.isatty() or not sys.stdin.isatty() or os.environ.get("TERM", "dumb") == "dumb"
    fresh = [minutes, track, level, seed, pack, live or None]
    if watch is not None or resume:
        if any(option is not None for option in fresh) or (watch is not None and (resume or session)):
            raise usage("--resume and --watch go with a session that there is, and with no option of a new one")
        number = _known(watch or session or "", resume)
    elif session is not None:
        raise usage(f"give --resume {session} to go on, or --watch {session} to look on")
    if watch is not None:
        _watch(number, plain)
    elif resume:
        _resume(number, plain)
    else:
        chosen = _pack(pack, minutes, track, level)
        _begin(chosen, seed if seed is not None else secrets.randbelow(10_000), live, plain)


def _known(which: str, resume: bool) -> int:
    """The number of a session; exit code 2 where there is none."""
    journal = Journal()
    number = unfinished(journal) if resume and not which else found(journal, which)
    if number is None:
        numbers = ", ".join(str(row.number) for row in journal.sessions()[-5:])
        raise usage(f"no session {which}; the latest are {numbers}" if numbers and which else "there is no such session yet")
    journal.close()
    return number


def _pack(pack: str | None, minutes: float | None, track: str | None, level: str | None) -> Pack:
    if pack is not None and (minutes is not None or track is not None or level is not None):
        raise usage("a pack says its minutes, tracks and levels: give --pack alone, or with --seed and --live")
    tracks = {exercise.facts.track for exercise in exercises() if exercise.kind == "coding"}
    if track is not None and track not in tracks:
        raise usage(f"no track {track!r} with code; {nearest(track, tracks)}")
    if level is not None and level not in LEVELS:
        raise usage(f"no level {level!r}; {nearest(level, LEVELS)}")
    try:
        return load(pack) if pack is not None else quick(minutes or MINUTES, track, level)
    except PackError as why:
        raise usage(str(why)) from None


def _begin(pack: Pack, seed: int, live: bool, plain: bool) -> None:
    """A new session, on the candidate's side."""
    try:
        drawn = draw(pack, exercises(), seed)
    except PackError as why:
        raise usage(str(why)) from None
    with _strict_sandbox(any(each.exercise for each in drawn)) as sandbox:
        journal = Journal()
        number = begun(journal, pack.title, seed, live, drawn)
        journal.close()
        if plain and pack.about:
            render.say(pack.about)
        _run(sandbox, number, plain)


def _resume(number: int, plain: bool) -> None:
    """On with a session, on the candidate's side."""
    journal = Journal()
    if _is_open(journal, number):
        raise usage(f"session {number} is open in another terminal; --watch {number} looks on")
    session = Session.of(journal, number)
    journal.close()
    if session.missing:
        raise usage(f"session {number} needs {', '.join(session.missing)}, which is gone; `grader report {number}` still works")
    with _strict_sandbox(any(round.row.exercise for round in session.rounds)) as sandbox:
        _run(sandbox, number, plain)


@contextmanager
def _strict_sandbox(with_code: bool) -> Iterator[Sandbox]:
    """One that isolates, or exit code 2; questions alone need none, and do not wait for it."""
    with new_sandbox() as sandbox:
        if with_code:
            sandbox.warm()
            if sandbox.isolation() == "none":
                raise usage("this system offers no isolation, and an interview grades with nothing less")
        yield sandbox


def _is_open(journal: Journal, number: int) -> bool:
    """Whether another screen has it; one whose terminal was closed just now may take a moment to end."""
    for _ in range(ENDING):
        if not is_alive(journal, number, "candidate"):
            return False
        time.sleep(0.2)
    return True


def _run(sandbox: Sandbox, number: int, plain: bool) -> None:
    if plain:
        from grader.prompt import Prompt

        Prompt(sandbox, kept_fingerprints(render.aside), number).run()
    else:
        from grader.candidate import Candidate

        Candidate(sandbox, kept_fingerprints(lambda _: None), number).run()
        render.say(f"interview {number}: `grader report {number} --html`; files in {render.path(folder_of(number))}")


def _watch(number: int, plain: bool) -> None:
    if plain:
        from grader.prompt import follow

        follow(number, threading.Event())
    else:
        from grader.interviewer import Interviewer

        Interviewer(number).run()
