"""An interview that took place: its rows, written with a clock that the test turns."""

import json
from pathlib import Path

from grader.catalogue import Exercise
from grader.interview import Session
from grader.journal import Journal
from grader.rows import RoundRow
from grader.verdict import Diagnosis, PropertyResult, Verdict

BEGAN = 1_790_000_000.0
dropout = Exercise("dropout")
RIGHT = dropout.solution.read_text(encoding="utf-8")
WRONG = RIGHT.replace(".div_(1 - p)", "")
CARDS = [["attention", card.heading] for card in Exercise("attention").questions[:2]]


class Sitting:
    """A session of one round of code and one of questions, in the journal of a folder."""

    def __init__(self, home: Path, rounds: list[RoundRow] | None = None) -> None:
        self.now = BEGAN
        self.journal = Journal(home, clock=lambda: self.now)
        code = RoundRow(1, "coding", "dropout", 15.0, 2.0, "[]")
        talk = RoundRow(2, "oral", "", 10.0, 1.0, json.dumps(CARDS))
        self.number = self.journal.open_session("Phone screen", 7, False, rounds or [code, talk])

    @property
    def session(self) -> Session:
        return Session.of(self.journal, self.number)

    def after(self, seconds: float, round: int, kind: str, detail: str = "", by: str = "candidate") -> None:
        self.now += seconds
        self.journal.happened(self.number, round, kind, detail, by)
        self.journal.beat(self.number, "candidate")

    def saves(self, seconds: float, text: str) -> None:
        self.now += seconds
        self.journal.saved(self.number, 1, text.encode())

    def verdict(self, seconds: float, text: str, outcome: str, broken: dict[str, str], mistake: str = "") -> None:
        """`broken`: the outcome of each property that did not pass."""
        self.now += seconds
        number = self.journal.begin("dropout", "interview", "f", text.encode(), self.number, 1)
        results = tuple(PropertyResult(name, claim, broken.get(name, "passed")) for name, claim in dropout.claims.items())
        diagnosis = (Diagnosis(mistake, "A lesson.", 1.0),) if mistake else ()
        found = Verdict("dropout", "yours", "f", "", outcome, "a message", results, diagnosis=diagnosis)
        self.journal.finish(number, outcome, found.to_json(), mistake)


def whole(home: Path) -> Sitting:
    """Broken, a hint, mended, timed; one question answered well and one not; scores and notes that HTML would take for tags."""
    first, second = list(dropout.claims)[:2]
    sitting = Sitting(home)
    sitting.after(0, 1, "begin")
    sitting.saves(60, WRONG)
    sitting.verdict(1, WRONG, "failed", {first: "failed", second: "error"}, "forgets_to_rescale")
    sitting.after(30, 1, "hint", "0")
    sitting.after(10, 1, "pause")
    sitting.after(300, 1, "resume")
    sitting.saves(60, RIGHT)
    sitting.verdict(1, RIGHT, "passed", {})
    sitting.after(10, 1, "score", "communication 4", "interviewer")
    sitting.after(0, 1, "note", "asked <b>what</b> | eval means", "interviewer")
    sitting.after(5, 1, "end", "done")
    sitting.after(20, 2, "begin")
    sitting.after(0, 2, "ask", "0 0")
    sitting.after(60, 2, "rate", "0 4")
    sitting.after(0, 2, "ask", "1 0")
    sitting.after(60, 2, "rate", "1 2")
    sitting.after(5, 2, "end", "done")
    sitting.after(1, 1, "timed", json.dumps(benchmark()))
    return sitting


def benchmark() -> dict[str, object]:
    curve = {
        "workload": "long", "axis": "queries", "lengths": [64, 128, 256], "bytes": [1, 1, 1], "flops": 1,
        "memory": [1.0, 0.9, 1.1], "declared_time": 2.0, "declared_memory": None,
    }  # fmt: skip
    curves = [
        curve | {"runner": runner, "seconds": [1e-3, 4e-3, scale * 1e-2], "time": [power, power - 0.1, power + 0.1]}
        for runner, scale, power in (("yours", 2.0, 2.1), ("solution", 1.0, 1.7))
    ]
    timing = {"workload": "long", "size": {"queries": 256}, "seconds": {}, "ratios": {"yours/solution": [1.05, 1.0, 1.1]}}
    return {"timings": [timing], "growth": curves}
