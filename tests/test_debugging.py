"""Exercises whose stub runs and is wrong: how bugs are planted, counted and located, and what the person is told."""

import ast
import json
import re
import shutil
from contextlib import nullcontext
from itertools import combinations
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grader import cli, form
from grader.attempt import fresh_stub
from grader.bugs import counted, left, own_properties
from grader.catalogue import TOGETHER, Exercise, exercises
from grader.check import Proof, _check_sets_of_bugs
from grader.diagnose import Known
from grader.fingerprints import Fingerprints
from grader.grading import Candidate, Grading
from grader.journal import Journal
from grader.sandbox import Sandbox
from grader.stub import plant
from grader.submission import submission
from grader.verdict import PropertyResult, Verdict

debug_lm = Exercise("debug_lm")
DEBUGGING = [exercise for exercise in exercises() if exercise.kind == "debugging"]
SOLUTION = '''import math
import torch


class Layer:
    def scale(self, x):
        """Half of it."""
        # the right reason
        return math.ldexp(x, -1)
        # and why


def twice(x, times=2):
    """Some times as much."""
    return times * x


def bare(x):
    # no docstring
    return torch.tensor(x)
'''
BUGS = '''@instead_of("Layer.scale")
def keeps_it(self, x):
    """A lesson."""
    if x:
        # looks innocent

        return x
    return 0


@instead_of("twice")
def adds(x, times):
    """Another."""
    return times + x


@instead_of("bare")
def nothing(x):
    """A third."""
    return x
'''


def test_the_stub_has_every_bug_and_keeps_nothing_of_the_right_bodies():
    stub = plant(SOLUTION, BUGS)
    assert (
        stub
        == '''class Layer:
    def scale(self, x):
        """Half of it."""
        if x:
            # looks innocent

            return x
        return 0


def twice(x, times=2):
    """Some times as much."""
    return times + x


def bare(x):
    return x
'''
    )


def test_only_the_named_bugs_are_planted():
    assert plant(SOLUTION, BUGS, []) == SOLUTION
    only = plant(SOLUTION, BUGS, ["adds"])
    assert "times + x" in only
    assert "the right reason" in only


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"bare"', '"absent"', "does not define"),
        ('"twice"', '"Layer.scale"', "so does another bug"),
        ("adds(x, times)", "adds(x)", "should have the parameters of twice: x, times"),
    ],
)
def test_a_bug_that_does_not_fit_is_the_authors_error(old: str, new: str, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        plant(SOLUTION, BUGS.replace(old, new))


# Two bugs: `one` breaks a and c, `other` b and c; of d neither breaks anything.
KNOWN = [Known("one", "", frozenset("ac")), Known("other", "", frozenset("bc")), Known("one+other", "", frozenset("abc"))]


def verdict(*broken: str, outcome: str = "failed") -> Verdict:
    results = tuple(PropertyResult(name, "", "failed" if name in broken else "passed", message="why") for name in "abcd")
    return Verdict("debug_lm", "yours", "f", "", outcome, "so and so", results)


def test_a_bug_has_the_properties_that_no_other_breaks():
    assert own_properties(KNOWN) == {"one": frozenset("a"), "other": frozenset("b")}
    assert left({"c"}, KNOWN) == []
    assert left({"b", "c"}, KNOWN) == ["other"]


def test_the_verdict_says_how_many_are_mended_and_never_which():
    assert counted(verdict("a", "b", "c"), KNOWN).message == "0 of 2 bugs are mended, 2 left; so and so"
    assert counted(verdict("b", "c"), KNOWN).message == "1 of 2 bugs is mended, 1 left; so and so"
    assert counted(verdict(outcome="passed"), KNOWN).message == "all 2 bugs are mended; so and so"
    alone = [Known("one", "", frozenset("a"))]
    assert counted(verdict("a"), alone).message.startswith("the bug is still there;")
    assert counted(verdict(), alone).message.startswith("the bug is mended;")


def test_what_held_before_the_change_is_said():
    found = counted(verdict("b", "c", "d"), KNOWN)
    assert found.message.endswith("this held before your change: d")
    assert {result.name: result.message for result in found.properties if result.is_broken} == {
        "b": "why", "c": "why", "d": "this held before your change; why",
    }  # fmt: skip


def test_what_a_bug_that_is_left_breaks_alone_is_not_the_learners_doing():
    masked = [*KNOWN[:2], Known("one+other", "", frozenset("ab"))]  # together they hide what each does to c
    assert "before" not in counted(verdict("b", "c"), masked).message


def test_nothing_is_counted_where_nothing_ran():
    found = Verdict("debug_lm", "yours", "f", "", "failed", "could not be loaded", (PropertyResult("a", ""),))
    assert counted(found, KNOWN) == found


def test_the_authors_proof_refuses_bugs_that_properties_can_not_locate():
    proof = Proof(debug_lm)
    _check_sets_of_bugs(proof, KNOWN)
    assert (proof.named, proof.to_name, proof.faults) == (3, 3, [])
    _check_sets_of_bugs(proof, [*KNOWN[:2], Known("one+other", "", frozenset("bc"))])
    assert "with one+other planted, the properties say other" in proof.faults[0]


def test_the_authors_proof_refuses_a_stub_that_gives_itself_away():
    faults = list(form._bug_faults(debug_lm, "_HINT = 1\n\n\ndef f(x):\n    return [missing(y) for y in x]\n"))
    assert "a bug uses missing" in faults[0]
    assert "nothing needs _HINT" in faults[1]


@pytest.mark.parametrize("exercise", DEBUGGING, ids=str)
def test_every_set_of_bugs_is_what_is_graded_under_its_name(exercise: Exercise):
    for count in range(1, len(exercise.lessons) + 1):
        for some in combinations(exercise.lessons, count):
            module = submission(exercise, TOGETHER.join(some))
            assert all(hasattr(module, name) for name in exercise.asks_for)
    with pytest.raises(LookupError):
        submission(exercise, "solution+nothing")


@pytest.mark.parametrize("exercise", DEBUGGING, ids=str)
def test_a_stub_says_no_more_than_the_solution_about_what_was_planted(exercise: Exercise):
    words = set(re.findall(r"\w+", fresh_stub(exercise).lower()))
    assert not words & {"bug", "bugs", "wrong", "planted", "mistake", "fixme", "todo", *exercise.lessons}
    assert ast.parse(fresh_stub(exercise))


def graded(source: str, sandbox: Sandbox, fingerprints: Fingerprints) -> Verdict:
    return Grading(sandbox, Candidate(debug_lm, "yours", "answer.py", source.encode())).verdict(fingerprints)


def test_mending_one_bug_after_another_is_seen(sandbox: Sandbox, fingerprints: Fingerprints):
    solution, planted = (path.read_text(encoding="utf-8") for path in (debug_lm.solution, debug_lm.mistakes_file))
    names = list(debug_lm.lessons)
    for mended in range(len(names)):
        found = graded(plant(solution, planted, names[mended:]), sandbox, fingerprints)
        assert (found.outcome, found.diagnosis) == ("failed", ())
        assert found.message.startswith(f"{mended} of 3 bugs {'is' if mended == 1 else 'are'} mended, {3 - mended} left; ")
        assert "before your change" not in found.message
        assert not any(name in found.to_json() for name in names)


def test_mending_by_breaking_is_seen(sandbox: Sandbox, fingerprints: Fingerprints):
    answer = debug_lm.solution.read_text(encoding="utf-8").replace("ids[:, -model.positions :]", "ids[:, :]")
    found = graded(answer, sandbox, fingerprints)
    assert found.message.startswith("all 3 bugs are mended; 2 of 9 properties")
    assert found.message.endswith("this held before your change: test_generation_appends_the_likeliest and 1 more")


@pytest.fixture
def grader(sandbox: Sandbox, fingerprints: Fingerprints, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Commands on a copy of the stub."""
    shutil.copy(debug_lm.stub, tmp_path / "debug_lm.py")
    monkeypatch.setattr(Exercise, "stub", property(lambda self: tmp_path / f"{self.name}.py"))
    monkeypatch.setattr(cli, "new_sandbox", lambda many=False: nullcontext(sandbox))
    monkeypatch.setattr(cli, "kept_fingerprints", lambda _: fingerprints)
    return lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def said(result: Result) -> str:
    return re.sub(r"[\s│]+", " ", result.output)


def test_an_untouched_stub_is_not_started_and_tells_nothing(grader):
    result = grader("run", "debug_lm")
    assert result.exit_code == 0
    assert "not started" in said(result)
    assert "was planted" not in said(result)
    assert not any(name.replace("_", " ") in said(result) for name in debug_lm.lessons)
    as_file = json.loads(grader("run", "debug_lm", "--json", "--file", debug_lm.stub).stdout)
    assert (as_file["outcome"], as_file["message"][:12]) == ("failed", "0 of 3 bugs ")


def test_lessons_come_after_the_pass(grader):
    debug_lm.stub.write_text(debug_lm.solution.read_text(encoding="utf-8"))
    result = grader("run", "debug_lm")
    assert result.exit_code == 0
    assert "all 3 bugs are mended; all 9 properties hold" in said(result)
    for name, lesson in debug_lm.lessons.items():
        assert f"This was planted: {name.replace('_', ' ')}" in said(result)
        assert lesson[:60] in said(result)
    assert "passed" in [entry.outcome for entry in Journal().entries("debug_lm")]


def test_authors_run_bugs_alone_and_together(grader):
    together = json.loads(grader("run", "debug_lm", "--json", "--against", "a_mask_of_ones+targets_are_not_shifted").stdout)
    assert together["message"].startswith("1 of 3 bugs is mended, 2 left")
    assert "no submission 'a_mask+x'" in said(grader("run", "debug_lm", "--against", "a_mask+x"))


def test_reset_brings_the_bugs_back_and_keeps_the_answer(grader):
    debug_lm.stub.write_text(debug_lm.solution.read_text(encoding="utf-8"))
    assert "your answer is kept" in said(grader("reset", "debug_lm"))
    assert debug_lm.stub.read_text(encoding="utf-8") == fresh_stub(debug_lm)
    assert "Find the bugs again" in said(grader("review", "debug_lm"))


def test_there_is_nothing_to_time(grader):
    result = grader("bench", "debug_lm")
    assert (result.exit_code, "only right and wrong count" in said(result)) == (2, True)
