"""Mock interviews: packs, the clock and the state that follow from rows, points and their rules, the scorecard."""

import json
import os
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from grader import attempt, handout, rubric
from grader.catalogue import ROOT, Exercise, exercises
from grader.cli import app
from grader.grading import Candidate
from grader.interview import Session, found, is_alive, minutes, unfinished
from grader.journal import Journal
from grader.pack import PackError, draw, load, quick, read, shipped
from grader.rows import RoundRow
from grader.sandbox import Sandbox
from grader.scorecard import Scorecard
from grader.verdict import Verdict
from tests.sitting import RIGHT, WRONG, Sitting, whole

CATALOGUE = exercises()
ROUND = '[[rounds]]\nkind = "coding"\nminutes = 20\n'


# Packs


def test_a_pack_says_its_rounds():
    found = read(
        f'title = "A"\nabout = "B"\n{ROUND}weight = 2\nexercises = ["dropout"]\n[[rounds]]\nkind = "oral"\nminutes = 12', "a"
    )
    assert (found.title, found.about) == ("A", "B")
    assert [(each.kind, each.minutes, each.weight, each.exercises) for each in found.rounds] == [
        ("coding", 20.0, 2.0, ("dropout",)),
        ("oral", 12.0, 1.0, ()),
    ]
    assert found.rounds[1].questions == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rounds", "pack a: Expected '=' after a key"),
        ("", r"it has no \[\[rounds\]\]"),
        ("rounds = 3", r"it has no \[\[rounds\]\]"),
        (f"colour = 1\n{ROUND}", "unknown key 'colour'"),
        (f"title = 1\n{ROUND}", "title should be a text"),
        (f"{ROUND}speed = 1", "round 1: unknown key 'speed'"),
        (ROUND.replace("coding", "cooking"), "round 1: kind should be one of coding, debugging, oral"),
        (ROUND.replace("20", "0"), "minutes should be a number above 0"),
        (ROUND.replace("20", "true"), "minutes should be a number above 0"),
        (ROUND.replace("minutes = 20", ""), "minutes should be a number above 0"),
        (f"{ROUND}weight = -1", "weight should be a number above 0"),
        (f'{ROUND}exercises = "dropout"', "exercises should be a list of texts"),
        (f'{ROUND}levels = ["expert"]', "no level expert; there are warm-up, standard, senior"),
        (f'{ROUND}exercises = ["dropout"]\ntracks = ["attention"]', "not both"),
        (f"{ROUND}questions = 2", "only an oral round has questions"),
        (f"{ROUND}questions = 0", "questions should be a whole number above 0"),
    ],
)  # fmt: skip
def test_each_fault_of_a_pack_is_told_in_one_line(text: str, words: str):
    with pytest.raises(PackError, match=words) as failure:
        read(text, "a")
    assert len(str(failure.value).splitlines()) == 1


def test_every_fault_is_told():
    with pytest.raises(PackError) as failure:
        read(f"{ROUND}weight = 0\n{ROUND.replace('20', '-1')}", "a")
    assert [line.split(": ")[1] for line in str(failure.value).splitlines()] == ["round 1", "round 2"]


def test_what_is_missing_is_told_in_one_line():
    with pytest.raises(PackError, match=r"^round 1 \(coding\): there is no coding exercise flash_attention_5$"):
        draw(read(f'{ROUND}exercises = ["flash_attention_5", "dropout"]', "a"), CATALOGUE, 1)
    with pytest.raises(
        PackError, match=r"round 1 \(coding\): no exercise of track no_such_track; there are .*attention \(standard\)"
    ):
        draw(quick(45, "no_such_track"), CATALOGUE, 1)
    with pytest.raises(PackError, match=r"pack nothing\.toml: No such file or directory; there are coding, debugging"):
        load("nothing.toml")


def test_the_seed_decides_and_nothing_comes_twice():
    wanted = read(ROUND * 3 + '[[rounds]]\nkind = "oral"\nminutes = 20\n' * 2, "a")
    drawn = draw(wanted, CATALOGUE, 7)
    assert drawn == draw(wanted, CATALOGUE, 7)
    assert len({str(draw(wanted, CATALOGUE, seed)) for seed in range(8)}) > 1
    assert len({each.exercise for each in drawn[:3]}) == 3
    cards = [card for each in drawn for card in each.cards]
    assert len(set(cards)) == len(cards) == 10


def test_an_exercise_fits_the_minutes_where_one_does():
    wanted = read('[[rounds]]\nkind = "coding"\nminutes = 15\n', "a")
    assert all(Exercise(draw(wanted, CATALOGUE, seed)[0].exercise).facts.minutes <= 15 for seed in range(10))


def test_the_shipped_packs_can_be_read_and_drawn():
    assert set(shipped()) == {"phone_screen", "coding", "debugging", "training_infrastructure", "inference"}
    assert load("phone-screen") == load("phone_screen")
    kinds = {exercise.kind for exercise in CATALOGUE}
    for name in shipped():
        found = load(name)
        if all(each.kind in kinds for each in found.rounds):
            assert len(draw(found, CATALOGUE, 1)) == len(found.rounds)


def test_the_documented_pack_is_one():
    documented = (ROOT / "docs" / "packs.md").read_text(encoding="utf-8").split("```toml")[1].split("```")[0]
    assert draw(read(documented, "docs"), CATALOGUE, 1)
    assert set(tomllib.loads(documented)) == {"title", "about", "rounds"}


# The clock, and what follows from rows


def test_pauses_do_not_count_and_extensions_do(home: Path):
    sitting = Sitting(home)
    assert (sitting.session.present.ordinal, sitting.session.present.used) == (1, 0.0)
    sitting.after(0, 1, "begin")
    sitting.after(60, 1, "pause")
    sitting.after(500, 1, "extend", "5")
    assert sitting.session.present.is_paused
    assert sitting.session.present.used == 60
    sitting.after(100, 1, "resume")
    sitting.after(30, 1, "note", "x", "interviewer")
    round = sitting.session.present
    assert (round.used, round.left, round.is_paused) == (90.0, 20 * 60 - 90, False)
    sitting.after(10, 1, "end", "done")
    sitting.now += 1000
    assert sitting.session.rounds[0].used == 100
    assert sitting.session.present.ordinal == 2


def test_the_clock_stands_still_while_no_screen_is_open(home: Path):
    sitting = Sitting(home)
    sitting.after(0, 1, "begin")
    sitting.after(60, 1, "hint", "0")
    sitting.now += 10_000
    assert not sitting.session.is_open
    assert sitting.session.present.used == 60
    sitting.after(0, 1, "note", "still here", "interviewer")  # an interviewer's rows do not turn the candidate's clock
    sitting.journal._connection.execute("DELETE FROM pulses")
    assert sitting.session.present.used == 60


def test_a_round_that_ended_twice_ended_once(home: Path):
    """The clock's thread and a key may both end it."""
    sitting = Sitting(home)
    sitting.after(0, 1, "begin")
    sitting.after(60, 1, "end", "time")
    sitting.after(5, 1, "end", "done")
    assert (sitting.session.rounds[0].ended_by, sitting.session.rounds[0].used) == ("time", 60)


def test_a_save_after_the_end_does_not_count(home: Path):
    sitting = Sitting(home)
    sitting.after(0, 1, "begin")
    sitting.saves(10, WRONG)
    sitting.after(10, 1, "end", "time")
    sitting.saves(10, RIGHT)
    round = sitting.session.rounds[0]
    assert sitting.journal.source(round.last_save.detail).decode() == WRONG
    assert [waiting.ordinal for waiting in sitting.session.to_grade] == [1]
    assert any("does not count" in event.what for event in Scorecard.of(sitting.journal, 1, CATALOGUE).rounds[0].timeline)


def test_what_is_left_to_grade_and_to_time_follows_from_the_rows(home: Path):
    sitting = Sitting(home)
    sitting.after(0, 1, "begin")
    sitting.saves(10, RIGHT)
    assert sitting.session.to_grade == []
    sitting.after(10, 1, "end", "done")
    assert [round.ordinal for round in sitting.session.to_grade] == [1]
    sitting.verdict(1, RIGHT, "passed", {})
    assert sitting.session.to_grade == []
    assert sitting.session.to_time == []
    sitting.after(0, 0, "close")
    assert [round.ordinal for round in sitting.session.to_time] == [1]
    assert unfinished(sitting.journal) == sitting.number
    sitting.after(0, 1, "timed", json.dumps({"timings": [], "growth": [], "why": "no workload"}))
    assert unfinished(sitting.journal) is None
    assert "Not timed: no workload" in handout.html(Scorecard.of(sitting.journal, sitting.number, CATALOGUE))


def test_an_oral_round_knows_its_question_and_the_interviewer_has_the_last_word(home: Path):
    sitting = Sitting(home)
    sitting.after(0, 1, "end", "done")
    sitting.after(0, 2, "begin")
    assert sitting.session.present.asked is None
    sitting.after(0, 2, "ask", "0 1")
    assert not sitting.session.present.asked.is_revealed
    sitting.after(0, 2, "reveal")
    asked = sitting.session.present.asked
    assert (asked.card, asked.step, asked.is_revealed) == (0, 1, True)
    sitting.after(0, 2, "rate", "0 2", "interviewer")
    sitting.after(0, 2, "rate", "0 4")
    assert sitting.session.present.ratings == {0: 2}


def test_a_session_is_found_by_its_number_or_as_the_last(home: Path):
    journal = Journal(home)
    assert found(journal, "last") is None
    first, second = Sitting(home).number, Sitting(home).number
    assert (found(journal, "last"), found(journal, str(first)), found(journal, "x"), found(journal, "99")) == (
        second,
        first,
        None,
        None,
    )
    with pytest.raises(LookupError):
        Session.of(journal, 99)


def test_a_screen_is_alive_while_its_process_is_and_it_says_so(home: Path):
    sitting = Sitting(home)
    assert not is_alive(sitting.journal, 1, "candidate")
    sitting.journal.beat(1, "candidate")
    assert is_alive(sitting.journal, 1, "candidate")
    sitting.now += 60
    assert not is_alive(sitting.journal, 1, "candidate")
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    sitting.journal.beat(1, "candidate")
    sitting.journal._connection.execute("UPDATE pulses SET pid = ?", (child,))
    assert not is_alive(sitting.journal, 1, "candidate")


def test_a_clock_reads_as_a_clock():
    assert [minutes(seconds) for seconds in (0, 65, 3600, -30, -0.2)] == ["0:00", "1:05", "60:00", "-0:30", "0:00"]


# Points and their rules


@pytest.mark.parametrize(
    ("given", "number", "level"),
    [
        ((True, False, 9, 9, [], 6), 100, "strong"),
        ((True, False, 9, 9, [0, 0], 6), 90, "strong"),
        ((True, True, 9, 9, [0, 1], 6), 70, "solid"),
        ((True, False, 9, 9, range(6), 6), 25, "weak"),
        ((False, False, 8, 9, [], 6), 53, "mixed"),
        ((False, False, 3, 9, [0, 1, 2], 6), 0, "weak"),
        ((False, False, 0, 0, [], 6), 0, "weak"),
    ],
)
def test_the_points_of_a_round_of_code(given: tuple, number: int, level: str):
    points = rubric.of_code(*given)
    assert (points.number, points.level) == (number, level)
    assert points.rule.startswith(f"{number} = ")


def test_no_answer_that_fails_is_solid():
    assert rubric.of_code(False, False, 9, 9, [], 6).level == "mixed"


def test_scores_weigh_as_much_as_what_was_measured():
    assert rubric.of_answers([4, 4], 2).number == 100
    assert rubric.of_answers([4], 2).number == 50
    measured = rubric.of_answers([4, 1], 2)
    assert rubric.with_scores(measured, {}) == measured
    assert rubric.with_scores(measured, {"depth": 4}).number == 75
    assert rubric.with_scores(None, {"depth": 4, "speed": 1}).number == 50
    assert rubric.in_all([(100, 3.0), (0, 1.0)]).number == 75
    assert rubric.in_all([]) is None


def test_every_score_has_an_anchor_written_out():
    names = [dimension.name for dimension in rubric.DIMENSIONS]
    assert names == ["correctness", "communication", "debugging", "depth", "speed"]
    for dimension in (*rubric.DIMENSIONS, rubric.ORAL):
        assert len(set(dimension.anchors)) == len(rubric.SCORES) == 4


# The scorecard


def test_a_scorecard_says_what_happened(home: Path):
    sitting = whole(home)
    card = Scorecard.of(sitting.journal, sitting.number, CATALOGUE)
    code, talk = card.rounds
    assert (code.level, code.points, code.first_pass, code.paused, code.used) == ("strong", 95, 162.0, 300.0, 177.0)
    assert [(each.broken, each.mended) for each in code.properties] == [(61.0, 162.0)] * 2
    assert [named.mistake for named in code.mistakes] == ["forgets_to_rescale"]
    assert [(hint.number, hint.cost) for hint in code.hints] == [(1, 10)]
    assert [(score.dimension, score.score) for score in code.scores] == [("communication", 4)]
    assert code.timeline[2].what == "failed: a message; looks like: forgets to rescale"
    assert [answer.rating for answer in talk.answers] == [4, 2]
    assert (talk.level, talk.points) == ("solid", 67)
    assert (card.points, card.level, card.waiting) == (86, "strong", "")
    assert "Dropout: passed after 2:42 of 15:00" in card.strengths
    assert ("grader oral attention", "an answer was 2 of 4") in card.next
    assert "-    raise NotImplementedError" in code.diff
    assert json.loads(card.to_json())["rounds"][0]["rule"] == code.rule


def test_what_was_not_begun_does_not_count(home: Path):
    sitting = Sitting(home)
    sitting.after(0, 1, "begin")
    sitting.after(10, 1, "end", "early")
    sitting.after(0, 0, "close")
    card = Scorecard.of(sitting.journal, sitting.number, CATALOGUE)
    assert [(round.level, round.points) for round in card.rounds] == [("weak", 0), ("not judged", None)]
    assert card.points == 0
    assert card.rounds[1].rule == "it was not begun"
    assert ("grader watch dropout", "weak in this interview") in card.next


def test_an_empty_session_has_a_scorecard_too(home: Path):
    sitting = Sitting(home)
    card = Scorecard.of(sitting.journal, sitting.number, CATALOGUE)
    assert (card.level, card.points, card.finished) == ("not judged", None, False)
    assert "goes on" in card.waiting
    for text in (handout.html(card), handout.markdown(card)):
        assert "not judged" in text


def test_a_pass_in_extended_time_costs_points(home: Path):
    sitting = Sitting(home)
    sitting.after(0, 1, "begin")
    sitting.after(10, 1, "extend", "5")
    sitting.saves(15 * 60, RIGHT)
    sitting.verdict(1, RIGHT, "passed", {})
    sitting.after(1, 1, "end", "done")
    (round, _) = Scorecard.of(sitting.journal, 1, CATALOGUE).rounds
    assert round.rule == "90 = 100 for an answer that passes - 10 for extended time"


def test_markdown_has_every_part_and_no_broken_table(home: Path):
    sitting = whole(home)
    text = handout.markdown(Scorecard.of(sitting.journal, sitting.number, CATALOGUE))
    for words in (
        "## Strengths",
        "| clock | what |",
        "### Hints",
        "````diff",
        "### Answers",
    ):
        assert words in text
    assert "asked <b>what</b> \\| eval means" in text


def test_a_debugging_round_counts_only_what_was_broken(home: Path):
    """The stub runs, and most of its properties hold from the beginning."""
    sitting = Sitting(home, [RoundRow(1, "debugging", "dropout", 15.0, 1.0, "[]")])
    first, second = list(Exercise("dropout").claims)[:2]
    sitting.after(0, 1, "begin")
    sitting.saves(1, WRONG)
    sitting.verdict(1, WRONG, "failed", {first: "failed", second: "failed"})
    assert Scorecard.of(sitting.journal, 1, CATALOGUE).rounds[0].points == 0
    sitting.saves(1, WRONG + "\n")
    sitting.verdict(1, WRONG + "\n", "failed", {second: "failed"})
    assert Scorecard.of(sitting.journal, 1, CATALOGUE).rounds[0].rule.startswith("30 = 30 for 1 of 2 properties")


def test_a_round_whose_last_save_waits_has_no_points_yet(home: Path):
    sitting = Sitting(home)
    sitting.after(0, 1, "begin")
    sitting.saves(1, WRONG)
    sitting.after(1, 1, "end", "time")
    round = Scorecard.of(sitting.journal, 1, CATALOGUE).rounds[0]
    assert (round.points, round.rule) == (None, "its last save waits for a verdict")


def test_an_exercise_that_is_gone_costs_its_round_and_not_the_scorecard(home: Path):
    rounds = [RoundRow(1, "coding", "gone", 15.0, 1.0, "[]"), RoundRow(2, "oral", "", 5.0, 1.0, '[["gone too", "Why?"]]')]
    sitting = Sitting(home, rounds)
    sitting.after(0, 1, "begin")
    sitting.after(0, 1, "score", "depth 4", "interviewer")
    assert sitting.session.missing == ["gone", "gone too"]
    card = Scorecard.of(sitting.journal, 1, CATALOGUE)
    assert (card.rounds[0].title, card.rounds[0].level) == ("gone", "strong")
    assert "gone" in handout.html(card)


def test_a_kill_after_any_row_leaves_a_session_that_can_be_told(home: Path):
    """Every prefix of the rows is a state in which a kill may leave the journal."""
    sitting = whole(home)
    connection = sitting.journal._connection
    numbers = [moment.number for moment in sitting.journal.moments(sitting.number)]
    for number in reversed([0, *numbers]):
        connection.execute("DELETE FROM moments WHERE number > ?", (number,))
        session = sitting.session
        assert (session.present is None) == session.is_over
        card = Scorecard.of(sitting.journal, sitting.number, CATALOGUE)
        assert len(card.rounds) == 2
        assert handout.html(card)
        assert handout.markdown(card)


def test_an_interview_grades_with_fresh_seeds_and_practice_does_not(home: Path, monkeypatch: pytest.MonkeyPatch):
    profiles = []

    def grading(sandbox, candidate, heard, profile):
        profiles.append(profile)
        return SimpleNamespace(verdict=lambda fingerprints: Verdict("dropout", "yours", "f", candidate.sha256, "passed"))

    monkeypatch.setattr(attempt, "Grading", grading)
    sitting = Sitting(home)
    candidate = Candidate(Exercise("dropout"), "yours", "f", RIGHT.encode())
    for seat in (attempt.Sitting(sitting.number, 1), None):
        attempt.recorded(None, candidate, lambda _: None, print, None, sitting=seat)
    assert profiles == ["interview", "practice"]
    assert [round for round, _ in sitting.journal.session_attempts(sitting.number)] == [1]
    assert len(sitting.journal.entries("dropout")) == 1
    assert len(sitting.journal.reviews("dropout")) == 1  # of practice alone


def test_an_interview_is_refused_where_nothing_isolates(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Sandbox, "isolation", lambda self: "none")
    monkeypatch.setattr(Sandbox, "warm", lambda self: None)
    result = CliRunner().invoke(app, ["interview", "--plain"])
    assert result.exit_code == 2
    assert "no isolation" in result.output
    assert Journal(home).sessions() == []
