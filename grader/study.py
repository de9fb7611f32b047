"""The commands of self-study: the catalogue, what to do next, hints, old answers and the report."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from grader import pages, render
from grader.arguments import Name, OptionalName, TrackName, nearest, usage, with_code
from grader.attempt import NoSubmission, fresh_stub, kept_fingerprints, new_sandbox, read_source, replace_answer
from grader.catalogue import Exercise, exercises
from grader.database import JournalError
from grader.interview import found
from grader.journal import Journal
from grader.progress import Progress, has_tried, next_hint, rounds
from grader.scorecard import Scorecard
from grader.verdict import NOT_PASSED

LATEST = 20  # attempts of a history, unless all are asked for

app = typer.Typer()


def my_progress() -> Progress:
    """From the journal; from nothing, with a warning, where it can't be read."""
    try:
        return Progress.of(Journal(), exercises())
    except JournalError as why:
        render.warn(str(why))
        return Progress(exercises(), [], [], [], 0.0)


def where_you_stand() -> None:
    """What `grader` alone shows."""
    progress = my_progress()
    pages.standing(progress)
    pages.suggestion(progress.suggestion)
    render.say("\n`grader --help` lists the commands.")


def show_brief(exercise: Exercise) -> None:
    """The clock of a round starts here."""
    try:
        Journal().note(exercise.name, "brief")
    except JournalError as why:
        render.warn(f"not recorded: {why}")
    render.brief(exercise)


def hints_left(exercise: Exercise) -> int:
    try:
        return len(exercise.hints) - Journal().hints_shown(exercise.name)
    except JournalError:
        return len(exercise.hints)


@app.command("list")
def list_() -> None:
    """The exercises by track, in the order of study, with your state."""
    pages.listing(my_progress())


@app.command("next")
def next_() -> None:
    """The one exercise to do now, and why."""
    pages.suggestion(my_progress().suggestion)


@app.command()
def stats() -> None:
    """Where you stand by track, your streak, the time spent, and your commonest mistakes by name."""
    progress = my_progress()
    pages.statistics(progress)
    pages.suggestion(progress.suggestion)


@app.command()
def watch(
    name: OptionalName = None,
    plain: Annotated[bool, typer.Option("--plain", help="line by line, for pipes, dumb terminals and screen readers")] = False,
) -> None:
    """Grade at every save, on a full screen."""
    exercise = with_code(name) if name else None
    with_files = [exercise for exercise in exercises() if exercise.kind != "oral"]
    with new_sandbox() as sandbox:
        sandbox.warm()
        if plain or not sys.stdout.isatty() or not sys.stdin.isatty() or os.environ.get("TERM", "dumb") == "dumb":
            from grader.follow import follow

            follow(sandbox, kept_fingerprints(render.aside), with_files, exercise)
        else:
            from grader.watch import Watch

            Watch(sandbox, kept_fingerprints(lambda _: None), with_files, exercise).run()


@app.command()
def hint(
    name: Name, again: Annotated[bool, typer.Option("--again", help="those that you have seen, without a new one")] = False
) -> None:
    """The next hint card; the last one only after an attempt."""
    exercise, journal = with_code(name), Journal()
    cards = exercise.hints
    numbers = list(range(journal.hints_shown(exercise.name))) if again else [next_hint(journal, exercise)]
    for number in numbers:
        if number is None:
            render.fail(f"the last hint nearly gives the answer: try first, with `grader run {exercise}`")
            raise typer.Exit(NOT_PASSED)
        render.card(cards[number], f"Hint {number + 1} of {len(cards)}")
    if not numbers:
        render.say(f"no hint of {exercise} was shown yet; `grader hint {exercise}` shows the first of {len(cards)}")


@app.command()
def solution(name: Name, yes: Annotated[bool, typer.Option("--yes", help="show it before any attempt")] = False) -> None:
    """The reference, after an attempt of yours or with --yes."""
    exercise, journal = with_code(name), Journal()
    if not yes and not has_tried(journal, exercise):
        render.fail(f"no attempt yet: `grader run {exercise}` first, or give --yes")
        raise typer.Exit(NOT_PASSED)
    journal.note(exercise.name, "solution")
    render.code(exercise.solution.read_text(encoding="utf-8"), render.path(exercise.solution))


@app.command()
def reset(
    name: OptionalName = None,
    all: Annotated[bool, typer.Option("--all", help="every exercise: go round again")] = False,
    track: TrackName = None,
) -> None:
    """A fresh stub; the answer that it replaces is kept in the journal."""
    if [bool(name), all, bool(track)].count(True) != 1:
        raise usage("name one exercise, or give --all, or --track TRACK")
    with_files = [exercise for exercise in exercises() if exercise.kind != "oral"]
    wanted = [with_code(name)] if name else [each for each in with_files if all or each.facts.track == track]
    if not wanted:
        raise usage(f"no track {track!r}; {nearest(track or '', {each.facts.track for each in with_files})}")
    for exercise in wanted:
        begin_afresh(exercise, "reset")


def begin_afresh(exercise: Exercise, kind: str) -> None:
    try:
        kept = replace_answer(Journal(), exercise, fresh_stub(exercise), kind)
    except NoSubmission as why:
        raise usage(str(why)) from None
    if kept:
        render.say(f"your answer is kept: `grader history {exercise} --restore {kept}` brings it back")
    render.say(f"{render.path(exercise.stub)} is a fresh stub")


@app.command()
def history(
    name: Name,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(help="two of: the number of an attempt, 'now' (your file), 'reference'", metavar="A B"),
    ] = None,
    restore: Annotated[int | None, typer.Option(help="put this attempt back into your file", metavar="N")] = None,
    all: Annotated[bool, typer.Option("--all", help="not only the latest attempts")] = False,
) -> None:
    """Your attempts at an exercise; two answers side by side; an old answer back in your file."""
    exercise, journal = with_code(name), Journal()
    if diff:
        one, other = (_answer(journal, exercise, each) for each in diff)
        pages.differences(one, other, (_title(diff[0]), _title(diff[1])))
    elif restore is not None:
        text = _answer(journal, exercise, str(restore))
        kept = replace_answer(journal, exercise, text, "restore")
        old = f"; what stood there is kept as attempt {kept}" if kept else ""
        render.say(f"{render.path(exercise.stub)} is attempt {restore} again{old}")
    else:
        _show_history(journal, exercise, all)


def _show_history(journal: Journal, exercise: Exercise, all: bool) -> None:
    entries = journal.entries(exercise.name)
    if not entries:
        render.say(f"no attempt yet: edit {render.path(exercise.stub)}, then `grader run {exercise}`")
        return
    ordinals = {entry.number: ordinal for ordinal, entry in enumerate(entries, 1)}
    pages.history(rounds(entries, journal.events(exercise.name)), ordinals, len(entries) if all else LATEST)
    pages.reviews(journal.reviews(exercise.name))


def _title(which: str) -> str:
    return f"attempt {which}" if which.isdigit() else {"now": "your file now"}.get(which, "the reference")


def _answer(journal: Journal, exercise: Exercise, which: str) -> str:
    """The text of an attempt by its number, of the file as it is, or of the reference; exit code 2 for anything else."""
    entries = journal.entries(exercise.name)
    if which in ("reference", "solution"):
        if not entries:
            raise usage(f"no attempt yet: `grader run {exercise}` first, or `grader solution {exercise} --yes`")
        return exercise.solution.read_text(encoding="utf-8")
    try:
        if which == "now":
            return read_source(exercise.stub).decode(errors="replace")
        if which.isdigit() and 1 <= int(which) <= len(entries):
            return journal.source(entries[int(which) - 1].sha256).decode(errors="replace")
    except NoSubmission as why:
        raise usage(str(why)) from None
    known_numbers = f"1 to {len(entries)}, " if entries else ""
    raise usage(f"no attempt {which!r} at {exercise}: give {known_numbers}now or reference")


@app.command()
def report(
    session: Annotated[str | None, typer.Argument(help="an interview's number, or 'last': its scorecard")] = None,
    html: Annotated[bool, typer.Option("--html", help="the scorecard as one HTML file, which prints; the default")] = False,
    md: Annotated[
        bool, typer.Option("--md", help="the scorecard as Markdown, on standard output unless --file is given")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="the same as JSON")] = False,
    file: Annotated[Path | None, typer.Option("--file", "-o", help="where to write it")] = None,
) -> None:
    """Your progress as one HTML file that needs no network; with the number of a session, its scorecard."""
    if session is None:
        if md or json:
            raise usage("--md and --json go with the number of a session")
        _write_report(_progress_page(), file or Path("report.html"))
        return
    if [html, md, json].count(True) > 1:
        raise usage("one of --html, --md and --json")
    card = _scorecard(session)
    from grader import handout

    text = handout.markdown(card) if md else card.to_json() + "\n" if json else handout.html(card)
    if file is None and (md or json):
        print(text, end="")
    else:
        _write_report(text, file or Path(f"interview-{card.session}.html"))


def _progress_page() -> str:
    from grader.report import written

    journal = Journal()
    return written(Progress.of(journal, exercises()), journal.times())


def _scorecard(session: str) -> Scorecard:
    """Exit code 2 where there is no such session."""
    journal = Journal()
    number = found(journal, session)
    if number is None:
        known_numbers = ", ".join(str(row.number) for row in journal.sessions())
        raise usage(f"no session {session!r}; there are {known_numbers or 'none yet: `grader interview`'}")
    return Scorecard.of(journal, number, exercises())


def _write_report(text: str, file: Path) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as why:
        raise usage(f"{file}: {why.strerror}") from None
    render.say(f"wrote {render.path(file.absolute())}")
