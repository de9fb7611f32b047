"""When a card comes back, and how work is spread over weeks. Days are given, never waited for."""

from datetime import date, datetime

import pytest

from grader.schedule import Task, after_review, hours_needed, plan, rate

MONDAY = date(2027, 1, 4)
NOON = datetime(2027, 1, 4, 12).timestamp()


@pytest.mark.parametrize(
    ("minutes", "failures", "hints", "saw_solution", "rating"),
    [
        (5, 0, 0, False, "easy"),
        (5, 3, 0, False, "good"),
        (15, 0, 0, False, "good"),
        (None, 0, 0, False, "good"),
        (40, 0, 0, False, "hard"),
        (5, 0, 1, False, "hard"),
        (5, 0, 6, False, "again"),
        (5, 0, 0, True, "again"),
    ],
)
def test_the_rating_follows_from_time_failures_and_hints(minutes, failures, hints, saw_solution, rating):
    found, why = rate(minutes, 20, failures, hints, 6, saw_solution)
    assert found == rating
    assert why


def test_a_better_rating_comes_back_later_and_each_success_later_still():
    days = [(after_review("", rating, NOON)[1] - NOON) / 86_400 for rating in ("again", "hard", "good", "easy")]
    assert days == sorted(days)
    assert days[0] == pytest.approx(1)
    state, due = after_review("", "good", NOON)
    _, later = after_review(state, "good", due)
    assert later - due > due - NOON
    _, after_lapse = after_review(state, "again", due)
    assert after_lapse - due == pytest.approx(86_400)


def test_a_plan_keeps_the_order_fills_weeks_and_says_what_found_no_room():
    tasks = [Task(name, 50) for name in "abcde"]
    weeks, left_over = plan(tasks, {}, MONDAY, date(2027, 1, 17), 1.5)
    assert [(week.begins, week.days) for week in weeks] == [(MONDAY, 7), (date(2027, 1, 11), 7)]
    assert [[name for name, _ in week.tasks] for week in weeks] == [["a", "b"], ["b", "c", "d"]]
    assert [task.name for task in left_over] == ["d", "e"]
    assert sum(minutes for week in weeks for _, minutes in week.tasks) + sum(task.minutes for task in left_over) == 250
    assert all(week.free >= 0 for week in weeks)


def test_reviews_come_first_in_the_week_in_which_they_are_due():
    weeks, _ = plan([Task("a", 60)], {date(2027, 1, 12): 20.0}, MONDAY, date(2027, 1, 17), 1)
    assert [week.tasks for week in weeks] == [[("a", 60)], [("review", 20.0)]]


def test_a_short_last_week_has_less_room_and_a_plan_of_one_day_is_a_plan():
    weeks, left_over = plan([Task("a", 10)], {}, MONDAY, MONDAY, 7)
    assert [(week.days, week.room, week.tasks) for week in weeks] == [(1, 60, [("a", 10)])]
    assert left_over == []


def test_the_hours_a_week_that_would_do_are_rounded_up():
    assert hours_needed(600, MONDAY, date(2027, 1, 17)) == 5
    assert hours_needed(601, MONDAY, date(2027, 1, 17)) == 5.5
