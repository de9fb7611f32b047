"""The commands of self-study: the catalogue, what to do next, hints, old answers, reviews, the plan and the report."""

import os
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from grader import pages, render
from grader.arguments import Name, OptionalName, TrackName, known, nearest, usage, with_code
from grader.attempt import NoSubmission, fresh_stub, kept_fingerprints, new_sandbox, read_source, replace_answer
from grader.catalogue import Exercise, exercises
from grader.interview import found
from grader.journal import Journal, JournalError
from grader.progress import ORAL_MINUTES, Due, Progress, has_tried, next_hint, rounds
from grader.review import overridden, rated
from grader.schedule import RATINGS, Task, hours_needed
from grader.schedule import plan as planned
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
        _begin_afresh(exercise, "reset")


def _begin_afresh(exercise: Exercise, kind: str) -> None:
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
def review(
    name: OptionalName = None,
    oral: Annotated[bool, typer.Option("--oral", help="ask the oral questions that are due")] = False,
    rating: Annotated[str, typer.Option(help="again, hard, good or easy: your own, in place of the last one")] = "",
) -> None:
    """What is due today. With a name: rebuild that answer from a fresh stub."""
    progress = my_progress()
    if rating:
        _override(name, rating)
    elif name and known(name).kind == "oral":
        _ask_due(progress, [known(name)])
    elif name:
        exercise = known(name)
        _begin_afresh(exercise, "review")
        show_brief(exercise)
        task = "Find the bugs again" if exercise.kind == "debugging" else "Rebuild it"
        render.say(f"\n{task}; the clock runs. `grader watch {exercise}` or `grader run {exercise}` ends with the rating.")
    elif oral:
        _ask_due(progress, progress.exercises)
    else:
        pages.due(progress.due, progress.coming)


def _override(name: str | None, rating: str) -> None:
    if name is None or rating not in RATINGS:
        raise usage("give the exercise and one of " + ", ".join(RATINGS))
    last = overridden(Journal(), known(name), rating)
    if last is None:
        raise usage(f"{name} was never reviewed")
    render.say(f"{last.heading or name}: {rating}, due on {date.fromtimestamp(last.due)}")


def _ask_due(progress: Progress, of: list[Exercise]) -> None:
    items = [item for item in progress.due if item.heading and item.exercise in of]
    if not items:
        render.say("no oral question is due today")
        return
    _ask([(item.exercise, item.heading) for item in items])


@app.command()
def oral(name: Name, all: Annotated[bool, typer.Option("--all", help="those too that are not due yet")] = False) -> None:
    """The oral questions of an exercise: question, think, reveal, rate."""
    exercise, progress = known(name), my_progress()
    later = {item.heading for item in progress.coming if item.exercise == exercise and item not in progress.due}
    wanted = [(exercise, card.heading) for card in exercise.questions if all or card.heading not in later]
    if not wanted:
        render.say(f"every question of {exercise} is answered and none is due; --all asks them all the same")
        return
    if exercise.kind == "oral":
        render.brief(exercise)
    _ask(wanted)


def _ask(wanted: list[tuple[Exercise, str]]) -> None:
    """One after the other. `q`, or the end of the input, stops; what was rated before is kept."""
    journal = Journal()
    for number, (exercise, heading) in enumerate(wanted, 1):
        card = next(card for card in exercise.questions if card.heading == heading)
        render.question(exercise, heading, f"Question {number} of {len(wanted)}")
        if _typed("Say your answer aloud, then press Enter (q stops) ") in ("q", None):
            return
        render.card(card, "Answer")
        word = _rating()
        if word is None:
            return
        stored = rated(journal, exercise, heading, word, "your own rating")
        render.say(f"{word}: comes back on {date.fromtimestamp(stored.due)}\n")


def _rating() -> str | None:
    while True:
        typed = _typed("How was it? 1 again, 2 hard, 3 good, 4 easy (q stops) ")
        if typed in ("q", None):
            return None
        by_number = dict(zip("1234", RATINGS, strict=True))
        if typed in by_number or typed in RATINGS:
            return by_number.get(str(typed), str(typed))


def _typed(prompt: str) -> str | None:
    """A line of the user's; None at the end of the input."""
    render.console.print(prompt, end="", style="bold")
    try:
        return input().strip().lower()
    except EOFError:
        render.say("")
        return None


@app.command()
def plan(
    until: Annotated[str, typer.Option(help="the last day, such as 2027-01-15; remembered")] = "",
    hours: Annotated[float, typer.Option(help="hours a week; remembered")] = 0.0,
) -> None:
    """The weeks until a date: exercises by minutes and prerequisites, at your pace, around the reviews that fall due."""
    journal = Journal()
    progress = Progress.of(journal, exercises())
    today = date.fromtimestamp(progress.now)
    last_day, weekly = _settled(journal, today, until, hours)
    tasks = [
        Task(exercise.name, max(exercise.facts.minutes * progress.pace - _spent(progress, exercise), 5))
        for exercise in progress.exercises
        if progress.states[exercise.name] != "passed"
    ]
    weeks, left_over = planned(tasks, _review_minutes(progress.coming, today, last_day), today, last_day, weekly)
    needed = hours_needed(sum(task.minutes for task in tasks), today, last_day)
    pages.plan(weeks, left_over, needed, last_day)
    if progress.pace != 1:
        render.say(f"by your pace so far: {progress.pace:.1f} times the minutes that the exercises name")


def _settled(journal: Journal, today: date, until: str, hours: float) -> tuple[date, float]:
    """The last day and the hours a week: as given now, or as given last."""
    until = until or journal.setting("plan until")
    hours = hours or float(journal.setting("plan hours") or 0)
    if not until or hours <= 0:
        raise usage("say until when and how many hours a week: grader plan --until 2027-01-15 --hours 5")
    try:
        last_day = date.fromisoformat(until)
    except ValueError:
        raise usage(f"{until!r} is no date such as 2027-01-15") from None
    if not today <= last_day <= today + timedelta(366 * 5):
        raise usage(f"{until} lies {'in the past' if last_day < today else 'more than five years ahead'}")
    if hours > 168:
        raise usage("a week has 168 hours")
    journal.set("plan until", until)
    journal.set("plan hours", str(hours))
    return last_day, hours


def _spent(progress: Progress, exercise: Exercise) -> float:
    """Minutes of the present round: less is left of what you began."""
    mine = progress.rounds.get(exercise.name)
    return mine[-1].minutes if mine else 0.0


def _review_minutes(coming: list[Due], today: date, last_day: date) -> dict[date, float]:
    """By day: a rebuilt answer takes half of the exercise's minutes. What is overdue is due today."""
    found: dict[date, float] = {}
    for item in coming:
        day = max(date.fromtimestamp(item.at), today)
        if day <= last_day:
            minutes = ORAL_MINUTES if item.heading else item.exercise.facts.minutes / 2
            found[day] = found.get(day, 0.0) + minutes
    return found


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
