"""The oral cards: their form, their sums, and that no topic is without a card."""

import re
from collections import Counter

import pytest

from grader.catalogue import ROOT, Card, Exercise, exercises
from grader.oral import Sum, read, sums

BODY = (
    "word " * 60
    + """
*Listen for:* one thing.

*A common wrong answer:* "another" (tempting).

*Follow up:* why? — Because.

*Follow up:* really? — Yes,
indeed.

*Source:* Somebody 2020.
"""
)


def test_a_card_is_read_into_its_parts():
    question = read(Card("Is it so?", BODY))
    assert (question.question, question.listen_for, question.source) == ("Is it so?", "one thing.", "Somebody 2020.")
    assert [(follow.question, follow.answer) for follow in question.follow_ups] == [
        ("why?", "Because."),
        ("really?", "Yes, indeed."),
    ]


@pytest.mark.parametrize(
    ("heading", "body"),
    [
        ("It is so.", BODY),
        ("Is it so?", BODY.replace("word " * 60, "too short ")),
        ("Is it so?", "word " * 100 + BODY),
        ("Is it so?", BODY.replace("*Source:*", "Source:")),
        ("Is it so?", BODY.replace("*Follow up:* why? — Because.\n", "")),
        ("Is it so?", BODY.replace("why? — Because.", "why?")),
    ],
)
def test_what_a_card_lacks_is_said(heading: str, body: str):
    with pytest.raises(ValueError, match=r"it so|It is"):
        read(Card(heading, body))


def test_a_sum_is_found_and_worked_out_to_the_digits_shown():
    found = list(sums("so `12 * 768**2 = 7,077,888`, about `495 / 989 = 0.50`; not `x = 3` or `d = 4_096`"))
    assert found == [Sum("12 * 768**2", "7,077,888"), Sum("495 / 989", "0.50")]
    assert all(shown.holds for shown in found)
    assert not Sum("495 / 989", "0.51").holds
    assert not Sum("2 + 2", "5").holds
    assert all(shown.holds for shown in sums("`2 *\n3 = 6`"))


@pytest.mark.parametrize("exercise", exercises(), ids=str)
def test_every_sum_of_every_card_holds(exercise: Exercise):
    assert [shown for card in exercise.questions for shown in sums(card.body) if not shown.holds] == []


def test_there_are_enough_questions_and_every_track_has_some():
    per_track = Counter({exercise.facts.track: 0 for exercise in exercises()})
    for exercise in exercises():
        per_track[exercise.facts.track] += len(exercise.questions)
    assert sum(per_track.values()) >= 120
    assert min(per_track.values()) >= 3


def test_every_topic_of_the_table_has_its_cards():
    rows = re.findall(
        r"^\| ([^|]+) \| (`[^|]+) \|$", (ROOT / "docs" / "oral_topics.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) >= 28
    for topic, names in rows:
        for name in re.findall(r"`(\w+)`", names):
            assert len(Exercise(name).questions) >= 3, topic
