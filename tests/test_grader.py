"""What the pieces of the grader promise, one by one."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import numpy
import pytest
import torch
from hypothesis import settings

from grader.audit import Answer, differing, likeness, packed, unpacked
from grader.catalogue import ROOT, Exercise, cards, exercises, public_names, same_code
from grader.diagnose import Known, diagnose, likely
from grader.examine import bind, examine
from grader.explain import explain
from grader.grading import Candidate, Grading
from grader.kit import Disagreement, agrees, gradients, instead_of, quarters
from grader.mutants import mutants
from grader.paste import difference, paste
from grader.run import Run
from grader.sandbox import Sandbox
from grader.stub import erase
from grader.submission import load, mistaken, submission
from grader.testimony import Witness
from grader.verdict import Diagnosis, PropertyResult, Verdict
from grader.wire import Frames, ProtocolError, frame

SAMPLES = ROOT / "tests" / "samples"
dropout = Exercise("dropout")


def test_what_every_worker_prints_at_import_is_shown_once(sandbox: Sandbox):
    exercise = Exercise("attention")  # which has properties for more than one worker
    source = (
        exercise.solution.read_text().replace("    return ", "    print('called')\n    return ", 1) + "\nprint('imported')\n"
    )
    found = Grading(sandbox, Candidate(exercise, "yours", "answer.py", source.encode())).verdict()
    assert found.outcome == "passed"
    assert found.printed.splitlines()[:2] == ["imported", "called"]
    assert found.printed.count("imported") == 1


@pytest.mark.parametrize(
    "forged",
    [
        {"event": "started", "name": "another"},
        {"event": "property", "name": "mine", "outcome": "passed", "seconds": 0.1, "message": "", "counterexample": ""},
        {"event": "ended"},
        {"event": 7},
    ],
)
def test_a_worker_that_speaks_of_what_it_was_not_asked_is_stopped(forged: dict):
    """Of a property that another worker holds, or of one that it has not begun."""
    run = Mock(spec=Run)
    witness = Witness(results={"mine": PropertyResult("mine", "")}, patience={"mine": 1.0})
    assert witness.hear(run, forged) is None
    assert run.stop.call_args.args[0].outcome == "tampered"
    assert not witness.is_whole
    assert not witness.has_ended


def test_a_stub_is_the_solution_with_its_answers_erased():
    solution, stub = ((SAMPLES / name).read_text() for name in ("solution.py", "stub.py"))
    assert erase(solution) == stub
    assert erase(stub) == stub
    assert public_names(solution) == ["half", "Layer"]


def test_code_that_nests_too_deep_is_nobodys_stub():
    deep = "x = 1" + "+1" * 20_000
    assert not same_code(deep, deep)
    assert same_code("x = 1  # one", "x = 1")


def test_the_order_of_study_respects_what_builds_on_what():
    names = [exercise.name for exercise in exercises()]
    for exercise in exercises():
        assert all(names.index(earlier) < names.index(exercise.name) for earlier in exercise.facts.builds_on)


def test_cards_are_headings_with_their_bodies():
    assert [(card.heading, card.body) for card in cards("# T\n\n## A?\nb\n\n## C\n\nd\n")] == [("A?", "b"), ("C", "d")]


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (torch.zeros(2), torch.ones(2)),
        (torch.zeros(2), torch.zeros(3)),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
        (torch.full((2,), torch.nan), torch.full((2,), torch.nan)),
        ([0.0, 0.0], torch.zeros(2)),
        (None, torch.zeros(2)),
        (torch.zeros(2).as_subclass(type("Anything", (torch.Tensor,), {})), torch.zeros(2)),
        (0.5, 0.25),
        (1e9, float("inf")),
        (float("nan"), float("inf")),
        ("0.5", 0.5),
    ],
)
def test_what_differs_does_not_agree(got, expected):
    with pytest.raises(Disagreement) as failure:
        agrees(got, expected)
    assert difference(failure.value.got, failure.value.expected)


def test_a_gradient_along_a_random_direction_sees_what_a_sum_hides():
    x = quarters(1, 3, 4).requires_grad_()
    assert gradients(x.softmax(-1), x)[0].abs().max() > 0.01
    assert gradients(x.softmax(-1).sum(-1), x)[0].abs().max() < 1e-6


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([[0.25, -1.5], [2.0, float("inf")]]), torch.tensor(3.0), torch.tensor([1, 2]), torch.empty(0, 3),
        torch.tensor([True, False]), torch.tensor([0.5], dtype=torch.bfloat16), [1, (2.5,), {"a": None}], float("nan"),
    ],
)  # fmt: skip
def test_a_pasted_value_is_the_value(value):
    again = eval(paste(value), {"torch": torch})
    if isinstance(value, torch.Tensor):
        assert again.dtype == value.dtype
        assert torch.equal(again, value)
    else:
        assert again == value or value != value


@pytest.mark.parametrize("name", ["drop", "Drop.forward", "Dropout.backward"])
def test_a_mistake_must_replace_something(name):
    with pytest.raises(LookupError, match=name):
        mistaken(dropout, instead_of(name)(lambda: None))


def test_an_unknown_submission_is_answered_with_the_known_ones():
    with pytest.raises(LookupError, match="shares_one_mask"):
        submission(dropout, "shares_two_masks")


def test_a_missing_name_becomes_a_function_that_raises():
    half = load(dropout, dropout.solution.read_text().replace("class Dropout", "class Renamed"), "half.py", dropout.asks_for)
    with pytest.raises(NameError, match="Dropout"):
        half.Dropout(0.5)
    assert half.dropout(torch.ones(3), 0.5, False).sum() == 3


def test_mutants_change_one_thing_each_and_say_what():
    source = (SAMPLES / "mutable.py").read_text()
    found = {mutant.name: mutant.source for mutant in mutants(source)}
    assert "f: x < 2 → x <= 2" in found
    assert "f: x.exp() → x" in found
    assert "f: x.exp().sum(dim) → x.exp().mean(dim)" in found
    assert not any("Doc" in name or "ValueError" in name.split("→")[0] for name in found)
    assert len({text for text in found.values()}) == len(found)
    assert all(ast.parse(text) for text in found.values())


def test_frames_survive_any_cut_and_refuse_nonsense():
    stream = frame({"event": "a"}) + frame({"event": "b"}, b"12345")
    frames, found = Frames(), []
    for byte in stream:
        found += frames.feed(bytes([byte]))
    assert found == [({"event": "a"}, b""), ({"event": "b"}, b"12345")]
    for nonsense in (b"\xff" * 8, b"\x00\x00\x00\x02\x00\x00\x00\x00[]", b"\x00\x00\x00\x01\x00\x00\x00\x00{"):
        with pytest.raises(ProtocolError):
            Frames().feed(nonsense)


def test_answers_come_through_the_wire_bit_for_bit():
    outputs = {
        "a": torch.randn(2, 3).T, "b": torch.tensor(True), "c": torch.empty(0, 2),
        "n": torch.from_numpy(numpy.empty((0,))), "d": torch.randn(3).bfloat16(),
        "e": torch.tensor([1 + 2j]),
    }  # fmt: skip
    (answer,) = unpacked(list(packed(Answer("w", 7, outputs))))
    assert (answer.workload, answer.seed, list(answer.outputs)) == ("w", 7, list(outputs))
    for name, value in outputs.items():
        assert answer.outputs[name].dtype == value.dtype
        assert torch.equal(answer.outputs[name], value)


@pytest.mark.parametrize(
    ("message", "body"),
    [
        ({"event": "output", "name": "x", "dtype": "torch.float32", "shape": [2]}, b"1234"),
        ({"event": "output", "name": "x", "dtype": "torch.float32", "shape": [-1]}, b"1234"),
        ({"event": "output", "name": "x", "dtype": "object", "shape": [1]}, b"1234"),
        ({"event": "output", "name": "x", "dtype": "torch.float32", "shape": [1] * 99}, b"1234"),
        ({"event": "output", "name": "x", "dtype": "torch.float32", "shape": "long"}, b"1234"),
        ({"event": "output"}, b""),
        ({}, b""),
    ],
)
def test_a_reply_that_makes_no_sense_is_refused(message, body):
    with pytest.raises(ProtocolError):
        unpacked([({"event": "answer", "workload": "w", "seed": 1, "error": ""}, b""), (message, body)])


def test_likeness_counts_only_what_tells():
    right = [Answer("w", 1, {"a": torch.ones(1), "b": torch.ones(1)})]
    wrong = [Answer("w", 1, {"a": torch.ones(1), "b": torch.zeros(1)})]
    other = [Answer("w", 1, {"a": torch.ones(1), "b": torch.full((1,), 2.0)})]
    assert differing(right[0], right[0]) == {}
    assert list(differing(wrong[0], right[0])) == ["b"]
    assert likeness(wrong, right, wrong) == 1
    assert likeness(wrong, right, other) == 0
    assert likeness([Answer("w", 1, error="NotImplementedError: ")], right, wrong) == 0


def test_properties_draw_the_same_again_unless_chance_decides():
    def drawn(profile: str) -> list[str]:
        settings.load_profile(profile)
        properties = bind(dropout, submission(dropout, "forgets_to_rescale"))
        return [finding.counterexample for finding in examine(properties, "", lambda _: None) if finding.outcome == "failed"]

    try:
        assert drawn("fingerprint") == drawn("fingerprint") != []
        assert drawn("chance") != drawn("chance")
    finally:
        settings.load_profile("practice")


def test_nothing_is_named_where_nothing_fits():
    known = [Known("one", "a lesson", frozenset("ab")), Known("two", "another", frozenset("cd"))]
    assert likely(frozenset("xy"), known) == {}
    assert diagnose(likely(frozenset("a"), known), {"one": 0.0}, known) == ()
    assert diagnose(likely(frozenset("ab"), known), {"one": 1.0}, known) == (Diagnosis("one", "a lesson", 1.0),)


def test_the_json_of_a_verdict_is_the_contract():
    found = Verdict("dropout", "yours", "f.py", "00", "failed", "no", (PropertyResult("test_a", "A.", "failed"),))
    assert list(json.loads(found.to_json())) == [
        "exercise", "submission", "file", "sha256", "message", "outcome", "properties", "audit", "diagnosis", "benchmark",
        "isolation", "seconds",
    ]  # fmt: skip
    assert list(json.loads(found.to_json())["properties"][0]) == [
        "name", "claim", "outcome", "seconds", "message", "counterexample"
    ]  # fmt: skip
    codes = {"passed": 0, "not_started": 0, "failed": 1, "tampered": 1, "no_submission": 2, "grader_error": 3}
    assert {outcome: found.but(outcome=outcome).exit_code for outcome in codes} == codes


def test_an_explanation_is_a_script_that_fails_as_the_property_did(tmp_path: Path):
    name = "test_a_rate_of_one_loses_everything"
    result = PropertyResult(
        name, dropout.claims[name], "failed", counterexample="x = torch.tensor([0.25])\ngot = torch.ones(1)"
    )
    script = tmp_path / "script.py"
    script.write_text(explain(dropout, result))
    done = subprocess.run([sys.executable, script], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert "NotImplementedError" in done.stderr  # the stub's answer


def test_the_properties_are_held_to_any_submission_by_plain_pytest():
    """A pytest within pytest, because a new process would import torch again."""
    options = ["-qq", "-p", "no:cacheprovider", "-k", "rows_lose_different_elements", f"--rootdir={ROOT}"]
    codes = {
        against: pytest.main([str(dropout.folder), *options, "--against", against])
        for against in ("solution", "shares_one_mask")
    }
    assert codes == {"solution": 0, "shares_one_mask": 1}
