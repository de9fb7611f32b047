"""What every exercise promises. A new exercise is covered the moment its folder exists."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.catalogue import ROOT, Exercise, exercises
from grader.check import COSTLY_PATIENCE, PATIENCE, check, named_like
from grader.diagnose import Known
from grader.fingerprints import Fingerprints
from grader.grading import Budget, Candidate, Grading
from grader.mutants import Mutant, mutants
from grader.sandbox import Sandbox
from grader.verdict import Verdict

OTHERWISE = ROOT / "tests" / "otherwise"
PER_EXERCISE = 2  # mutants whose diagnosis is looked at
CODING = [exercise for exercise in exercises() if exercise.kind == "coding"]
DEBUGGING = [exercise for exercise in exercises() if exercise.kind == "debugging"]


def case(exercise: Exercise, *more: object, id: str = "") -> Any:
    """A parameter whose id begins with the exercise: all that concerns one goes to the same process."""
    return pytest.param(exercise, *more, id=f"{exercise}-{id}" if id else str(exercise))


each_exercise = pytest.mark.parametrize("exercise", [case(exercise) for exercise in exercises()])
each_coding_exercise = pytest.mark.parametrize("exercise", [case(exercise) for exercise in CODING])


def paraphrases(exercise: Exercise) -> Iterator[tuple[str, str]]:
    """Whole submissions, each with the name of the mistake that it makes: the solution with one function replaced.

    The functions of tests/paraphrases/<exercise>.py say, as those of mistakes.py do, what they stand instead of.
    """
    path = ROOT / "tests" / "paraphrases" / f"{exercise}.py"
    tree = ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")
    replaced = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            replaced[node.name] = ast.literal_eval(node.decorator_list.pop().args[0])
    hidden = ("grader.kit", f"solutions.{exercise}.{exercise}")  # whose names the solution's text defines
    tree.body = [node for node in tree.body if getattr(node, "module", "") not in hidden]
    text = ast.unparse(tree)
    for name, target in replaced.items():
        yield name, f"{exercise.solution.read_text(encoding='utf-8')}\n{text}\n{target} = {name}\n"


def graded(exercise: Exercise, source: str, sandbox: Sandbox, fingerprints: Fingerprints) -> Verdict:
    """A wrong answer's counterexamples are not made small: only names count here. One that does not end is not waited for."""
    candidate = Candidate(exercise, "yours", "answer.py", source.encode())
    budget = Budget(cheap=PATIENCE, costly=COSTLY_PATIENCE)
    return Grading(sandbox, candidate, profile="fingerprint", budget=budget).verdict(fingerprints)


@each_exercise
def test_the_authors_proof_finds_no_fault(exercise: Exercise, sandbox: Sandbox, fingerprints: Fingerprints):
    assert check(exercise, sandbox, fingerprints, with_mutants=False).faults == []


@each_coding_exercise
def test_there_are_three_unusual_right_answers_and_three_paraphrases(exercise: Exercise):
    assert len(list((OTHERWISE / exercise.name).glob("*.py"))) >= 3
    assert len(list(paraphrases(exercise))) >= 3


@pytest.mark.parametrize("exercise", [case(exercise) for exercise in DEBUGGING])
def test_there_are_two_right_repairs_that_look_otherwise(exercise: Exercise):
    assert len(list((OTHERWISE / exercise.name).glob("*.py"))) >= 2


@pytest.mark.parametrize(
    ("exercise", "path"),
    [
        case(exercise, path, id=path.stem)
        for exercise in CODING + DEBUGGING
        for path in sorted((OTHERWISE / exercise.name).glob("*.py"))
    ],
)
def test_a_right_answer_by_another_route_passes(exercise: Exercise, path: Path, sandbox: Sandbox):
    found = Grading(sandbox, Candidate(exercise, "yours", path.name, path.read_bytes())).verdict()
    broken = [(result.name, result.message, result.counterexample) for result in found.properties if result.outcome != "passed"]
    assert (found.outcome, broken, found.audit.detail) == ("passed", [], "")


@pytest.mark.parametrize(
    ("exercise", "name", "source"),
    [case(exercise, *both, id=both[0]) for exercise in CODING for both in paraphrases(exercise)],
)
def test_a_mistake_made_by_another_route_is_named_first(
    exercise: Exercise, name: str, source: str, sandbox: Sandbox, fingerprints: Fingerprints, count: Counter[str]
):
    found = graded(exercise, source, sandbox, fingerprints)
    named = [diagnosis.mistake for diagnosis in found.diagnosis]
    count["named first" if named[:1] == [name] else "not named first"] += 1
    assert named[:1] == [name], (named, sorted(found.fingerprint))


@pytest.mark.parametrize(
    ("exercise", "mutant"),
    [
        case(exercise, mutant, id=mutant.name)
        for exercise in CODING
        if not exercise.costly
        for every in [mutants(exercise.solution.read_text(encoding="utf-8"))]
        for mutant in every[:: max(1, len(every) // PER_EXERCISE)]
    ],
)
def test_a_mutant_is_named_only_where_it_fits(
    exercise: Exercise, mutant: Mutant, sandbox: Sandbox, fingerprints: Fingerprints, count: Counter[str]
):
    """A wrong answer that nobody foresaw gets no name, unless it breaks most of what the named mistake breaks."""
    found = graded(exercise, mutant.source, sandbox, fingerprints)
    if found.outcome == "passed":
        count["pass"] += 1
        return
    count["named" if found.diagnosis else "left unnamed"] += 1
    for diagnosis in found.diagnosis:
        mistake = next(known for known in fingerprints.of(exercise, sandbox) if known.name == diagnosis.mistake)
        assert len(mistake.fingerprint & found.fingerprint) * 2 > len(mistake.fingerprint | found.fingerprint)


def test_a_fingerprint_that_two_mistakes_share_names_both():
    known = [Known("one", "", frozenset("ab")), Known("other", "", frozenset("ab")), Known("third", "", frozenset("c"))]
    assert named_like(known[0], known) == {"one", "other"}
