"""`watch --plain`: the same gradings, told line by line, for pipes, dumb terminals and screen readers."""

import threading

from grader import render
from grader.catalogue import Exercise
from grader.fingerprints import Fingerprints
from grader.live import Began, Done, Heard, Idle, Live, News, Noted, saves
from grader.sandbox import Sandbox


def follow(sandbox: Sandbox, fingerprints: Fingerprints, exercises: list[Exercise], first: Exercise | None) -> None:
    """Until Ctrl-C. `first` is graded at once; the others at their saves."""
    live = Live(sandbox, fingerprints, tell)
    stop = threading.Event()
    saved = saves([first] if first else exercises, stop)
    if first:
        live.prepare(first)
        live.grade(first)
    render.say(f"watching {render.path(first.stub) if first else 'every exercise'}; Ctrl-C ends it")
    try:
        for exercise in saved:
            live.grade(exercise)
    except KeyboardInterrupt:
        render.say("")
    finally:
        stop.set()
        live.close()


def tell(news: News) -> None:
    match news:
        case Began(exercise):
            render.heading(exercise, render.path(exercise.stub))
        case Heard(_, result):
            render.property_line(result)
        case Done(exercise, verdict):
            render.verdict(verdict, properties_shown=True)
        case Idle(exercise, message):
            render.say(f"{exercise}: {message}")
        case Noted(_, message):
            render.warn(message)
    render.console.file.flush()
