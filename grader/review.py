"""The rating of a card: from a pass of a rebuilt answer, or from what you say yourself; then the date of the next review."""

from grader.catalogue import Exercise
from grader.journal import Journal
from grader.progress import present_round
from grader.rows import Review
from grader.schedule import after_review, rate


def rated(journal: Journal, exercise: Exercise, heading: str, rating: str, how: str) -> Review:
    """Store a rating: again, hard, good or easy. `heading` is '' for the exercise itself."""
    before = [review for review in journal.reviews(exercise.name) if review.heading == heading]
    state, due = after_review(before[-1].state if before else "", rating, journal.clock())
    journal.review(exercise.name, heading, rating, how, state, due)
    return [review for review in journal.reviews(exercise.name) if review.heading == heading][-1]


def after_pass(journal: Journal, exercise: Exercise) -> Review | None:
    """Call when an attempt has passed. The first pass of a round that began with an empty stub is a review of the exercise."""
    present = present_round(journal, exercise)
    if present.passed is None or present.passed != present.attempts[-1] or present.is_restored:
        return None
    minutes = present.minutes if present.is_timed else None
    rating, how = rate(
        minutes, exercise.facts.minutes, present.failures, len(present.hints), len(exercise.hints), present.saw_solution
    )
    return rated(journal, exercise, "", rating, how)


def overridden(journal: Journal, exercise: Exercise, rating: str) -> Review | None:
    """Give the last review of an exercise, or of its last card, the rating that you think right; None where there is none."""
    every = journal.reviews(exercise.name)
    if not every:
        return None
    last = every[-1]
    before = [review for review in every[:-1] if review.heading == last.heading]
    state, due = after_review(before[-1].state if before else "", rating, last.at)
    journal.correct(last.number, rating, "your own rating", state, due)
    return journal.reviews(exercise.name)[-1]
