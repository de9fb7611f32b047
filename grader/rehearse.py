"""The commands for what comes back: reviews, oral questions, and the plan of the weeks around them."""

from datetime import date, timedelta
from typing import Annotated

import typer

from grader import pages, render
from grader.arguments import Name, OptionalName, known, usage
from grader.catalogue import Exercise, exercises
from grader.journal import Journal
from grader.progress import ORAL_MINUTES, Due, Progress
from grader.review import overridden, rated
from grader.schedule import RATINGS, Task, hours_needed
from grader.schedule import plan as planned
from grader.study import begin_afresh, my_progress, show_brief

app = typer.Typer()


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
        begin_afresh(exercise, "review")
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
