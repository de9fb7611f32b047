"""What people see of their study: the catalogue with their state, progress, history, differences, the plan, interviews."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from difflib import SequenceMatcher

from rich.console import RenderableType
from rich.style import Style
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from grader import interview
from grader.catalogue import LEVELS, TRACKS, Exercise
from grader.progress import Due, Progress, Round, Suggestion, Track
from grader.render import clean, console, mark, say
from grader.rows import Review
from grader.rubric import ORAL, Dimension
from grader.schedule import Task, Week
from grader.scorecard import Scorecard

WIDE_ENOUGH = 100  # columns, for two answers side by side
BAR = 20  # columns
HURRY = 5 * 60  # seconds left of a round, and its clock turns red
AROUND = 3  # lines that are alike, shown before and after those that differ


def state_mark(state: str, is_due: bool = False) -> Text:
    """One column (four where the terminal knows no Unicode): passed, tried, due or new."""
    if is_due:
        return Text("!", style="bold yellow")
    return mark("passed") if state == "passed" else Text("~" if state == "tried" else " ", style="yellow")


def listing(progress: Progress) -> None:
    """The catalogue by track, in the order of study."""
    due = {item.exercise.name for item in progress.due}
    tracks: dict[str, list[Exercise]] = {}
    for exercise in progress.exercises:
        tracks.setdefault(exercise.facts.track, []).append(exercise)
    longest = max(len(exercise.name) for exercise in progress.exercises)
    for track, members in tracks.items():
        minutes = hours(sum(exercise.facts.minutes for exercise in members))
        console.print(Text.assemble("\n", (track, "bold cyan"), f": {TRACKS.get(track, '')}", (f" ({minutes})", "dim")))
        table = _table("", "", "minutes", "", "")
        table.show_header = False
        table.columns[1].min_width = longest
        table.columns[3].min_width = max(map(len, LEVELS))
        for exercise in members:
            facts = exercise.facts
            sign = state_mark(progress.states[exercise.name], exercise.name in due)
            after = f"after {', '.join(facts.builds_on)}" if facts.builds_on else ""
            table.add_row(sign, exercise.name, f"{facts.minutes} min", facts.level, Text(after, style="dim"))
        console.print(table)
    console.print(Text.assemble("\n", mark("passed"), " passed   ~ tried   ! due for review", style="dim"))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column in ("minutes", "passed", "hints", "attempt", "times", "attempts")
        table.add_column(column, justify="right" if right else "left")
    return table


def hours(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def standing(progress: Progress) -> None:
    """Where you stand, on one screen."""
    table = _table("track", "", "passed", "time")
    for track in progress.tracks:
        table.add_row(track.name, _bar(track), f"{track.passed} of {track.exercises}", hours(track.minutes))
    console.print(table)
    passed = sum(state == "passed" for state in progress.states.values())
    spent = hours(sum(progress.minutes.values()))
    days = f"{progress.streak} day{'' if progress.streak == 1 else 's'}"
    say(f"\n{passed} of {len(progress.states)} passed, {spent} spent, streak {days}, {len(progress.due)} due for review")
    for exercise, mistake, times in progress.mistakes[:1]:
        say(f"your commonest mistake: {mistake.replace('_', ' ')} ({exercise}, {_times(times)})")


def _times(number: int) -> str:
    return "once" if number == 1 else "twice" if number == 2 else f"{number} times"


def _bar(track: Track) -> Text:
    plain = not (console.encoding or "").lower().startswith("utf")
    full, rest = ("#", ".") if plain else ("━", "─")
    length = round(BAR * track.share)
    return Text.assemble((full * length, "green"), (rest * (BAR - length), "dim"))


def statistics(progress: Progress) -> None:
    """All of it: the standing, each exercise that was begun, and the mistakes by name."""
    standing(progress)
    table = _table("", "exercise", "attempts", "time", "first pass", "due")
    due = {card.exercise.name: card for card in reversed(progress.coming) if not card.heading}
    for exercise in progress.exercises:
        mine = progress.rounds.get(exercise.name, [])
        if not any(round.attempts for round in mine):
            continue
        first = next((round.passed for round in mine if round.passed), None)
        table.add_row(
            state_mark(progress.states[exercise.name]),
            exercise.name,
            str(sum(len(round.attempts) for round in mine)),
            hours(progress.minutes[exercise.name]),
            _day(first.began) if first else "",
            _day(due[exercise.name].at) if exercise.name in due else "",
        )
    if table.row_count:
        console.print(Text("\nexercises", style="bold cyan"), table)
    if progress.mistakes:
        mistakes = _table("times", "mistake", "exercise")
        for exercise_name, mistake, times in progress.mistakes[:10]:
            mistakes.add_row(str(times), mistake.replace("_", " "), exercise_name)
        console.print(Text("\nyour commonest mistakes", style="bold cyan"), mistakes)


def suggestion(found: Suggestion | None) -> None:
    if found is None:
        say("Next: there is no exercise here.")
        return
    facts = found.exercise.facts
    name = (found.exercise.name, "bold green")
    console.print(Text.assemble(("\nNext: ", "bold"), name, f", {facts.minutes} minutes: {found.why}."))
    say(f"  {found.command}")


def _day(at: float) -> str:
    return date.fromtimestamp(at).isoformat()


def history(rounds: Sequence[Round], ordinals: dict[int, int], latest: int) -> None:
    """The latest attempts, numbered from 1; what a fresh stub replaced has a number too."""
    table = _table("attempt", "when", "outcome", "minutes", "hints", "looks like")
    earlier = len(ordinals) - latest
    for round in rounds:
        for entry, minutes, hints in round.after:
            if ordinals[entry.number] <= earlier:
                continue
            outcome = "stopped" if entry.outcome == "started" else entry.outcome.replace("_", " ")
            style = "green" if entry.outcome == "passed" else "red"
            when = datetime.fromtimestamp(entry.began).strftime("%Y-%m-%d %H:%M")
            cells = [f"{minutes:.0f}", str(hints), clean(entry.mistake.replace("_", " "))]
            if entry.outcome == "kept":
                outcome, style, cells = "kept", "dim", ["", "", ""]
            table.add_row(str(ordinals[entry.number]), when, Text(outcome, style=style), *cells)
        table.add_section()
    if earlier > 0:
        console.print(Text(f"{earlier} earlier attempts; --all shows them", style="dim"))
    console.print(table)


def reviews(rows: Iterable[Review]) -> None:
    table = _table("reviewed", "rating", "why", "due")
    for row in rows:
        table.add_row(_day(row.at), row.rating, clean(row.how + (f"; {row.heading}" if row.heading else "")), _day(row.due))
    if table.row_count:
        console.print("", table)


def due(items: Sequence[Due], coming: Sequence[Due]) -> None:
    """What is due today, and when the next is."""
    if not items:
        later = f"; the next on {_day(coming[0].at)}: {coming[0].exercise}" if coming else ": what you pass comes back here"
        say(f"nothing is due today{later}")
        return
    table = _table("due", "exercise", "what")
    for item in items:
        table.add_row(_day(item.at), item.exercise.name, item.heading or "rebuild it from an empty stub")
    console.print(table)
    if any(not item.heading for item in items):
        first = next(item.exercise for item in items if not item.heading)
        say(f"\n  grader review {first}   keeps your answer, and begins with a fresh stub")
    if any(item.heading for item in items):
        say("\n  grader review --oral   asks the questions that are due")


def differences(left: str, right: str, titles: tuple[str, str]) -> None:
    """Two sources side by side, highlighted, or interleaved where the terminal is narrow. '<' and '>' mark what differs."""
    if left == right:
        say(f"{titles[0]} and {titles[1]} are the same")
        return
    rows = list(_aligned(_lines(left), _lines(right)))
    if console.width < WIDE_ENOUGH:
        console.print(Text(f"< {titles[0]}   > {titles[1]}", style="bold"))
        for one, other, same in rows:
            for sign, line in ((" ", one),) if same else (("<", one), (">", other)):
                if line is not None:
                    console.print(_marked(sign, line))
        return
    table = Table(box=None, pad_edge=False, expand=True, show_header=True, header_style="bold")
    for title in titles:
        table.add_column(title, ratio=1)
    for one, other, same in rows:
        table.add_row(*(_marked(" " if same else sign, line) for sign, line in (("<", one), (">", other))))
    console.print(table)


def _marked(sign: str, line: Text | None) -> RenderableType:
    if line is None:
        return ""
    style = {"<": "red", ">": "green"}.get(sign, "dim")
    return Text.assemble((sign + " ", style), line)


def _lines(source: str) -> list[Text]:
    highlighted = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(clean(source))
    return list(highlighted.split("\n", allow_blank=False))


def _aligned(left: list[Text], right: list[Text]) -> Iterator[tuple[Text | None, Text | None, bool]]:
    """Pairs of lines; None where the other side has a line more."""
    matcher = SequenceMatcher(None, [line.plain for line in left], [line.plain for line in right], autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        ones, others = left[i:i_end], right[j:j_end]
        if tag == "equal" and len(ones) > 2 * AROUND + 1:
            folded = Text(f"... {len(ones) - 2 * AROUND} lines alike", style="dim")
            ones = [*ones[:AROUND], folded, *ones[-AROUND:]]
            others = ones
        for k in range(max(len(ones), len(others))):
            one = ones[k] if k < len(ones) else None
            other = others[k] if k < len(others) else None
            yield one, other, tag == "equal"


def plan(weeks: Sequence[Week], left_over: Sequence[Task], needed: float, until: date) -> None:
    """The weeks, one a line and their exercises; then what found no room."""
    table = _table("week of", "minutes", "what")
    for week in filter(lambda week: week.tasks, weeks):
        what = ", ".join(f"{name} ({minutes:.0f})" for name, minutes in week.tasks)
        table.add_row(week.begins.isoformat(), f"{week.room - week.free:.0f}/{week.room:.0f}", what)
    console.print(table)
    free = sum(not week.tasks for week in weeks)
    if free:
        say(f"{free} of {len(weeks)} weeks are free: repeat what was hardest")
    if left_over:
        names = ", ".join(task.name for task in left_over)
        say(f"\nno room until {until} for {names}; all of it would take {needed:g} hours a week")
    else:
        say(f"\nall of it fits until {until}; {needed:g} hours a week would do")


def clock(round: interview.Round) -> str:
    """The time that is left of a round of an interview."""
    if round.began is None:
        return f"{round.row.minutes:g} minutes"
    return f"{interview.minutes(round.left)} left{' (paused)' if round.is_paused else ''}"


def clock_style(round: interview.Round) -> str:
    return "bold italic" if round.is_paused else "bold red" if round.began is not None and round.left < HURRY else "bold"


def anchors(dimension: Dimension = ORAL, chosen: int | None = None, action: str = "") -> Table:
    """What each score means, the one that was given marked; on a full screen, a click on it is `action(score)`."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
    for score, anchor in enumerate(dimension.anchors, 1):
        style = Style(bold=score == chosen, color="green" if score == chosen else None)
        style += Style(meta={"@click": f"{action}({score})"}) if action else Style()
        table.add_row(Text(f"{'>' if score == chosen else ' '}{score}", style=style), Text(anchor, style=style))
    return table


def scorecard_table(card: Scorecard) -> Table:
    """Level and points by round, and in all."""
    table = _table("round", "what", "level", "points", "time")
    for round in card.rounds:
        points = "" if round.points is None else str(round.points)
        table.add_row(str(round.ordinal), f"{round.kind}: {round.title}", round.level, points, interview.minutes(round.used))
    table.add_row("", "in all", card.level, "" if card.points is None else str(card.points), "")
    return table
