"""What the journal's rows say about you: rounds, states, streak, minutes, mistakes, what is due, and what to do next."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from grader.catalogue import Exercise
from grader.journal import Journal
from grader.rows import Entry, Event, Review

PAUSE = 30 * 60  # seconds: of a longer silence between two rows only so much counts as work
ORAL_MINUTES = 3  # of one question


@dataclass
class Round:
    """One go at an exercise: from a fresh stub to the next."""

    is_restored: bool = False  # it began with an old answer: to pass it proves nothing
    attempts: list[Entry] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)  # up to the first pass
    hints: set[int] = field(default_factory=set)
    saw_solution: bool = False
    passed: Entry | None = None  # the first that did
    minutes: float = 0.0  # from the first row to the first pass, or to the last row; long silences are pauses
    after: list[tuple[Entry, float, int]] = field(default_factory=list)  # each attempt with the minutes and hints so far

    def add(self, row: Entry | Event) -> None:
        if isinstance(row, Entry) and row.outcome == "kept":  # no attempt, but a row of the history
            self.after.append((row, self.minutes, len(self.hints)))
            return
        if self.passed is None:
            at = row.began if isinstance(row, Entry) else row.at
            if self.moments:
                self.minutes += min(max(at - self.moments[-1], 0.0), PAUSE) / 60
            self.moments.append(at)
            if isinstance(row, Event):
                self.hints |= {row.detail} if row.kind == "hint" else set()
                self.saw_solution |= row.kind == "solution"
        if isinstance(row, Entry):
            self.attempts.append(row)
            self.after.append((row, self.minutes, len(self.hints)))
            if row.outcome == "passed" and self.passed is None:
                self.passed = row

    @property
    def is_timed(self) -> bool:
        """Whether something is known of it before its first pass."""
        return len(self.moments) > 1

    @property
    def failures(self) -> int:
        first = self.attempts.index(self.passed) if self.passed else len(self.attempts)
        return sum(entry.outcome != "started" for entry in self.attempts[:first])


def rounds(entries: Iterable[Entry], events: Iterable[Event]) -> list[Round]:
    """The rounds of one exercise, oldest first; the last one is the present."""
    rows: list[tuple[int, int, Entry | Event]] = [(entry.number, 0, entry) for entry in entries]
    rows += [(event.after, 1, event) for event in events]
    found = [Round()]
    for _, _, row in sorted(rows, key=lambda row: row[:2]):
        if isinstance(row, Event) and row.kind in ("reset", "review", "restore"):
            found.append(Round(is_restored=row.kind == "restore"))
        found[-1].add(row)
    return [round for round in found[:-1] if round.moments or round.after] + found[-1:]


def present_round(journal: Journal, exercise: Exercise) -> Round:
    """Raises JournalError."""
    return rounds(journal.entries(exercise.name), journal.events(exercise.name))[-1]


def has_tried(journal: Journal, exercise: Exercise) -> bool:
    """Since the last fresh stub."""
    return bool(present_round(journal, exercise).attempts)


def next_hint(journal: Journal, exercise: Exercise) -> int | None:
    """Which card to show now, counted from 0, and noted as shown; the last one again where all were shown.

    None where the last is next and nothing was tried yet.
    """
    shown, last = journal.hints_shown(exercise.name), len(exercise.hints) - 1
    if shown == last and not has_tried(journal, exercise):
        return None
    if shown <= last:
        journal.show_hint(exercise.name, shown)
    return min(shown, last)


@dataclass(frozen=True)
class Due:
    """A card that is due: an exercise to rebuild (heading ''), or an oral question."""

    exercise: Exercise
    heading: str
    at: float


@dataclass(frozen=True)
class Track:
    name: str
    passed: int
    exercises: int
    minutes: float

    @property
    def share(self) -> float:
        return self.passed / self.exercises


@dataclass(frozen=True)
class Suggestion:
    """The one exercise to do now."""

    exercise: Exercise
    why: str
    command: str


@dataclass(frozen=True)
class Progress:
    """Derived from the rows alone; `now` in seconds since the epoch."""

    exercises: list[Exercise]  # in the order of study
    entries: list[Entry]
    events: list[Event]
    reviews: list[Review]
    now: float

    @classmethod
    def of(cls, journal: Journal, exercises: list[Exercise]) -> "Progress":
        """Raises JournalError."""
        return cls(exercises, journal.entries(), journal.events(), journal.reviews(), journal.clock())

    @cached_property
    def rounds(self) -> dict[str, list[Round]]:
        entries, events = defaultdict(list), defaultdict(list)
        for entry in self.entries:
            entries[entry.exercise].append(entry)
        for event in self.events:
            events[event.exercise].append(event)
        return {name: rounds(entries[name], events[name]) for name in {*entries, *events}}

    @cached_property
    def cards(self) -> dict[tuple[str, str], Review]:
        """The last review of each card: (exercise, heading)."""
        return {(review.exercise, review.heading): review for review in self.reviews}

    @cached_property
    def states(self) -> dict[str, str]:
        """Per exercise: passed (in any round), tried, or new. An oral one is passed once every question was answered."""
        return {exercise.name: self._state(exercise) for exercise in self.exercises}

    def _state(self, exercise: Exercise) -> str:
        if exercise.kind == "oral":
            known = [(exercise.name, card.heading) in self.cards for card in exercise.questions]
            return "passed" if known and all(known) else "tried" if any(known) else "new"
        mine = self.rounds.get(exercise.name, [])
        if any(round.passed for round in mine):
            return "passed"
        return "tried" if any(round.attempts for round in mine) else "new"

    @cached_property
    def minutes(self) -> dict[str, float]:
        """Per exercise, the time spent in all rounds."""
        return {name: sum(round.minutes for round in mine) for name, mine in self.rounds.items()}

    @cached_property
    def tracks(self) -> list[Track]:
        members: dict[str, list[Exercise]] = {}
        for exercise in self.exercises:
            members.setdefault(exercise.facts.track, []).append(exercise)
        return [
            Track(
                name,
                sum(self.states[exercise.name] == "passed" for exercise in those),
                len(those),
                sum(self.minutes.get(exercise.name, 0.0) for exercise in those),
            )
            for name, those in members.items()
        ]

    @cached_property
    def mistakes(self) -> list[tuple[str, str, int]]:
        """(exercise, mistake, rounds in which you made it), the commonest first."""
        count = Counter(
            (name, mistake)
            for name, mine in self.rounds.items()
            for round in mine
            for mistake in {entry.mistake for entry in round.attempts if entry.mistake}
        )
        return [(exercise, mistake, times) for (exercise, mistake), times in count.most_common()]

    @cached_property
    def streak(self) -> int:
        """Days in a row on which you studied, up to today or yesterday."""
        days = {date.fromtimestamp(entry.began) for entry in self.entries}
        days |= {date.fromtimestamp(event.at) for event in self.events}
        days |= {date.fromtimestamp(review.at) for review in self.reviews}
        day = date.fromtimestamp(self.now)
        if day not in days:
            day -= timedelta(1)
        length = 0
        while day - timedelta(length) in days:
            length += 1
        return length

    @cached_property
    def due(self) -> list[Due]:
        """What is due by the end of today, the longest overdue first."""
        tomorrow = datetime.combine(date.fromtimestamp(self.now) + timedelta(1), datetime.min.time()).timestamp()
        return [due for due in self.coming if due.at < tomorrow]

    @cached_property
    def coming(self) -> list[Due]:
        """Every card that was ever reviewed, by when it is due. Cards that are gone from disk do not count."""
        by_name = {exercise.name: exercise for exercise in self.exercises}
        found = [
            Due(by_name[name], heading, review.due)
            for (name, heading), review in self.cards.items()
            if name in by_name and (not heading or any(card.heading == heading for card in by_name[name].questions))
        ]
        return sorted(found, key=lambda due: due.at)

    @cached_property
    def pace(self) -> float:
        """Your minutes over the exercises' own, of three passed or more; between a half and three."""
        mine = [
            (rounds_[0], name) for name, rounds_ in self.rounds.items() if rounds_[0].passed and len(rounds_[0].moments) > 1
        ]
        expected = {exercise.name: exercise.facts.minutes for exercise in self.exercises}
        ratios = sorted(first.minutes / expected[name] for first, name in mine if name in expected)
        return min(max(ratios[len(ratios) // 2], 0.5), 3.0) if len(ratios) >= 3 else 1.0

    @cached_property
    def suggestion(self) -> Suggestion | None:
        """None where there is no exercise at all."""
        if self.due:
            return self._review()
        begun = [entry.exercise for entry in reversed(self.entries) if self.states.get(entry.exercise) == "tried"]
        started = next((exercise for name in begun for exercise in self.exercises if exercise.name == name), None)
        if started:
            return Suggestion(started, "you began it and have not passed yet", f"grader watch {started}")
        return self._fresh() or self._ahead()

    def _review(self) -> Suggestion:
        first = self.due[0]
        more = f"; {len(self.due)} cards are due in all" if len(self.due) > 1 else ""
        since = date.fromtimestamp(first.at)
        why = f"due for review {'today' if since >= date.fromtimestamp(self.now) else f'since {since}'}{more}"
        return Suggestion(first.exercise, why, f"grader {'oral' if first.heading else 'review'} {first.exercise}")

    def _fresh(self) -> Suggestion | None:
        """Of what is open to you: first what builds on what you passed, then the weakest track."""
        names = set(self.states)
        shares = {track.name: track for track in self.tracks}
        waiting = [exercise for exercise in self.exercises if self.states[exercise.name] != "passed"]
        ready = [
            exercise
            for exercise in waiting
            if all(self.states[name] == "passed" for name in exercise.facts.builds_on if name in names)
        ]
        if not ready:
            return None
        builds = lambda exercise: [name for name in exercise.facts.builds_on if name in names]
        best = min(ready, key=lambda exercise: (not builds(exercise), shares[exercise.facts.track].share))
        track = shares[best.facts.track]
        if builds(best):
            why = f"it builds on {' and '.join(builds(best))}, which you passed"
        elif any(state == "passed" for state in self.states.values()):
            why = f"{track.name} is your weakest track: {track.passed} of {track.exercises} passed"
        else:
            why = "a good one to begin with: it builds on nothing"
        return Suggestion(best, why, f"grader {'oral' if best.kind == 'oral' else 'watch'} {best}")

    def _ahead(self) -> Suggestion | None:
        if not self.coming:
            return None
        soonest = self.coming[0]
        why = f"everything is passed; its next review is due on {date.fromtimestamp(soonest.at)}"
        return Suggestion(soonest.exercise, why, f"grader {'oral' if soonest.heading else 'review'} {soonest.exercise}")
