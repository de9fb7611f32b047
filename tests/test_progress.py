"""What the journal's rows are taken to mean."""

from datetime import datetime
from pathlib import Path

import pytest

from grader.catalogue import Exercise, exercises
from grader.journal import Journal
from grader.progress import PAUSE, Progress, next_hint, rounds
from grader.review import after_pass, overridden, rated

NOON = datetime(2027, 1, 4, 12).timestamp()
MINUTE, DAY = 60.0, 86_400.0
dropout, attention = Exercise("dropout"), Exercise("attention")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(home: Path, clock: Clock) -> Journal:
    return Journal(home, clock)


def graded(journal: Journal, exercise: Exercise, outcome: str, mistake: str = "") -> None:
    journal.finish(journal.begin(exercise.name, "yours", "f", outcome.encode()), outcome, "{}", mistake)


def progress(journal: Journal) -> Progress:
    return Progress.of(journal, exercises())


def test_minutes_run_from_the_brief_to_the_first_pass_and_pauses_are_cut(journal: Journal, clock: Clock):
    journal.note("dropout", "brief")
    clock.now += 4 * MINUTE
    graded(journal, dropout, "failed")
    clock.now += DAY
    graded(journal, dropout, "passed")
    clock.now += 5 * MINUTE
    graded(journal, dropout, "passed")
    (only,) = rounds(journal.entries("dropout"), journal.events("dropout"))
    assert only.minutes == pytest.approx(4 + PAUSE / 60)
    assert [(entry.outcome, round(minutes)) for entry, minutes, _ in only.after] == [
        ("failed", 4),
        ("passed", 34),
        ("passed", 34),
    ]
    assert only.failures == 1


def test_a_fresh_stub_begins_a_round_with_its_own_minutes_and_hints(journal: Journal, clock: Clock):
    assert next_hint(journal, dropout) == 0
    graded(journal, dropout, "passed")
    journal.keep("dropout", "f", b"old")
    journal.note("dropout", "reset")
    assert next_hint(journal, dropout) == 0
    clock.now += 3 * MINUTE
    graded(journal, dropout, "passed")
    first, second = rounds(journal.entries("dropout"), journal.events("dropout"))
    assert (first.hints, second.hints, second.minutes) == ({0}, {0}, 3)
    assert [entry.outcome for entry in second.attempts] == ["passed"]


def test_a_stopped_clock_upsets_no_order(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRADER_NOW", "2027-01-04T12:00")
    journal = Journal(home)
    next_hint(journal, dropout)
    graded(journal, dropout, "passed")
    journal.note("dropout", "reset")
    assert journal.hints_shown("dropout") == 0
    assert [bool(round.passed) for round in rounds(journal.entries(), journal.events())] == [True, False]
    assert journal.entries()[0].began == NOON


def test_the_first_pass_of_a_round_is_a_review_and_no_other(journal: Journal, clock: Clock):
    journal.note("dropout", "brief")
    clock.now += 5 * MINUTE
    graded(journal, dropout, "passed")
    assert after_pass(journal, dropout).rating == "easy"
    graded(journal, dropout, "passed")
    assert after_pass(journal, dropout) is None
    journal.note("dropout", "restore")
    graded(journal, dropout, "passed")
    assert after_pass(journal, dropout) is None
    journal.note("dropout", "review")
    journal.show_hint("dropout", 0)
    clock.now += 5 * MINUTE
    graded(journal, dropout, "passed")
    assert after_pass(journal, dropout).rating == "hard"
    assert len(journal.reviews("dropout")) == 2


def test_a_review_is_due_the_next_day_and_not_before(journal: Journal, clock: Clock):
    rated(journal, dropout, "", "hard", "a hint")
    assert progress(journal).due == []
    clock.now += 11 * 3600  # the same evening
    assert progress(journal).due == []
    clock.now += 2 * 3600  # after midnight
    now = progress(journal)
    assert [item.exercise.name for item in now.due] == ["dropout"]
    assert (now.suggestion.exercise, now.suggestion.command) == (dropout, "grader review dropout")
    assert "due for review today" in now.suggestion.why


def test_a_rating_can_be_overridden(journal: Journal):
    assert overridden(journal, dropout, "easy") is None
    first = rated(journal, dropout, "", "again", "the reference was shown")
    second = overridden(journal, dropout, "easy")
    assert (second.number, second.rating, second.how) == (first.number, "easy", "your own rating")
    assert second.due > first.due
    assert second.due == rated(Journal(journal.path.parent / "other", journal.clock), dropout, "", "easy", "").due


def test_states_tracks_and_mistakes(journal: Journal):
    for mistake in ("forgets_to_rescale", "forgets_to_rescale", "shares_one_mask"):
        graded(journal, dropout, "failed", mistake)
    journal.note("dropout", "reset")
    graded(journal, dropout, "failed", "forgets_to_rescale")
    graded(journal, attention, "passed")
    now = progress(journal)
    assert (now.states["dropout"], now.states["attention"], now.states["embeddings"]) == ("tried", "passed", "new")
    assert now.mistakes == [("dropout", "forgets_to_rescale", 2), ("dropout", "shares_one_mask", 1)]
    assert {track.name: track.passed for track in now.tracks}["attention"] == 1


def test_an_oral_exercise_is_passed_once_every_question_was_answered(journal: Journal):
    exercise = next(exercise for exercise in exercises() if exercise.kind == "oral")
    assert progress(journal).states[exercise.name] == "new"
    for card in exercise.questions:
        rated(journal, exercise, card.heading, "good", "")
        state = progress(journal).states[exercise.name]
    assert state == "passed"


def test_a_streak_counts_days_in_a_row_and_a_day_without_work_yet_does_not_end_it(journal: Journal, clock: Clock):
    for _ in range(3):
        graded(journal, dropout, "failed")
        clock.now += DAY
    assert progress(journal).streak == 3
    clock.now += DAY
    assert progress(journal).streak == 0


def test_next_is_what_was_begun_then_what_builds_on_the_passed_then_the_weakest_track(journal: Journal):
    assert "to begin with" in progress(journal).suggestion.why
    graded(journal, attention, "failed")
    assert (progress(journal).suggestion.exercise, "you began it" in progress(journal).suggestion.why) == (attention, True)
    graded(journal, attention, "passed")
    found = progress(journal).suggestion
    if "builds on" in found.why:
        assert "attention" in found.exercise.facts.builds_on
    assert all(
        progress(journal).states[name] == "passed"
        for name in found.exercise.facts.builds_on
        if name in progress(journal).states
    )


def test_with_everything_passed_next_names_the_coming_review(journal: Journal):
    coding = [exercise for exercise in exercises() if exercise.kind != "oral"]
    for exercise in coding:
        graded(journal, exercise, "passed")
        rated(journal, exercise, "", "easy", "")
    found = Progress.of(journal, coding).suggestion
    assert "everything is passed" in found.why
