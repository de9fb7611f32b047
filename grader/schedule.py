"""When to come back to what, and how to spread work over the weeks that are left. Spaced repetition is the fsrs library's."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

RATINGS = ("again", "hard", "good", "easy")  # in this order they are fsrs's 1 to 4


@dataclass(frozen=True)
class Task:
    """Something to study."""

    name: str
    minutes: float


@dataclass
class Week:
    """Seven days, or what is left of them; `tasks` with the minutes that each takes of this week."""

    begins: date
    days: int
    room: float  # minutes
    tasks: list[tuple[str, float]] = field(default_factory=list)

    @property
    def free(self) -> float:
        return self.room - sum(minutes for _, minutes in self.tasks)


def rate(
    minutes: float | None, expected: float, failures: int, hints: int, hints_in_all: int, saw_solution: bool
) -> tuple[str, str]:
    """The rating of a rebuilt answer that passed, and why: by its time against the exercise's, its failures and hints.

    `minutes` is None where nothing was recorded before the pass.
    """
    if saw_solution:
        return "again", "the reference was shown"
    if hints and hints == hints_in_all:
        return "again", "it took every hint"
    time = "time unknown" if minutes is None else f"{minutes:.0f} of {expected:.0f} minutes"
    why = ", ".join([time, _count(failures, "failed attempt"), _count(hints, "hint")])
    if hints or (minutes is not None and minutes > 1.5 * expected):
        return "hard", why
    if failures <= 1 and minutes is not None and minutes <= expected / 2:
        return "easy", why
    return "good", why


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def after_review(state: str, rating: str, at: float) -> tuple[str, float]:
    """A card's next state and when it is due (seconds since the epoch). `state` is '' for a card that was never reviewed.

    Without fsrs's learning steps, since minutes after a success nobody rebuilds an answer: the first interval is a day or more.
    """
    import fsrs

    scheduler = fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    card = fsrs.Card.from_json(state) if state else fsrs.Card(card_id=0)
    rated = fsrs.Rating(RATINGS.index(rating) + 1)
    card, _ = scheduler.review_card(card, rated, datetime.fromtimestamp(at, UTC))
    return card.to_json(), card.due.timestamp()


def plan(
    tasks: Iterable[Task], reviews: Mapping[date, float], today: date, until: date, hours: float
) -> tuple[list[Week], list[Task]]:
    """The weeks until a date with `hours` each, and the tasks that found no room.

    Tasks come in the order of study and may go on in the next week; `reviews`, minutes by day due, come first in theirs.
    """
    found = list(weeks(today, until, hours))
    for due, minutes in sorted(reviews.items()):
        week = next((week for week in found if due < week.begins + timedelta(week.days)), None)
        if week is not None:
            week.tasks.append(("review", min(minutes, max(week.free, 0.0))))
    waiting = list(tasks)
    for week in found:
        while waiting and week.free >= min(waiting[0].minutes, 10):  # under ten minutes nobody begins
            task = waiting.pop(0)
            now = min(task.minutes, week.free)
            week.tasks.append((task.name, now))
            if task.minutes - now >= 1:
                waiting.insert(0, Task(task.name, task.minutes - now))
    return found, waiting


def weeks(today: date, until: date, hours: float) -> Iterator[Week]:
    """From today to `until` and with it, seven days each; the last may be shorter, and has less room."""
    begins = today
    while begins <= until:
        days = min(7, (until - begins).days + 1)
        yield Week(begins, days, hours * 60 * days / 7)
        begins += timedelta(7)


def hours_needed(minutes: float, today: date, until: date) -> float:
    """A week, rounded up to half an hour."""
    days = max(1, (until - today).days + 1)
    return math.ceil(minutes / 60 * 7 / days * 2) / 2
