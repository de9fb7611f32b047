"""Rehearses a mock interview: candidate and interviewer in two pseudo-terminals, and a kill -9 in the middle.

    python -m scripts.record_interview [scorecard.html]

Every screen that matters is printed. Each step waits for what it must show, so a rehearsal that ends has shown all of it; in
the end the journal has every save, verdict, hint, score and note, and no file of practice was touched.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.catalogue import ROOT, Exercise
from tests.terminal import Terminal

PACK = """title = "Rehearsal"
about = "One function, then one question."

[[rounds]]
kind = "coding"
minutes = 15
weight = 2
exercises = ["dropout"]

[[rounds]]
kind = "oral"
minutes = 5
questions = 1
exercises = ["attention"]
"""
dropout = Exercise("dropout")
RIGHT = dropout.solution.read_text(encoding="utf-8")
WRONG = RIGHT.replace(".div_(1 - p)", "")


def grader(home: Path, *arguments: str) -> Terminal:
    return Terminal([sys.executable, "-m", "grader", *arguments], ROOT, GRADER_HOME=str(home))


def rehearse(home: Path, show: Callable[[str, Terminal], None], timed: bool = True) -> dict[str, Any]:
    """The scorecard as JSON. `timed`: stay until the answer is timed too, which takes longest."""
    pack, file = home / "rehearsal.toml", home / "interviews" / "1" / "1_dropout" / "dropout.py"
    home.mkdir(parents=True, exist_ok=True)
    pack.write_text(PACK, encoding="utf-8")
    before = practice()
    with grader(home, "interview", "--pack", str(pack), "--seed", "7") as candidate:
        candidate.wait_for("Round 1 of 2")
        candidate.press("n")
        candidate.wait_for("Write inverted dropout")
        with grader(home, "interview", "--watch", "last") as interviewer:
            candidate.neighbours, interviewer.neighbours = [interviewer], [candidate]
            interviewer.wait_for("not saved yet")
            first_half(candidate, interviewer, file, show)
            candidate.process.kill()
            candidate.process.wait()
            interviewer.neighbours = []
            interviewer.wait_for("the candidate's screen is closed")
            show("the interviewer, after kill -9", interviewer)
            file.write_text(RIGHT, encoding="utf-8")  # the editor is still open
            with grader(home, "interview", "--resume") as again:
                again.neighbours, interviewer.neighbours = [interviewer], [again]
                second_half(again, interviewer, show)
                if timed:
                    gone(again, "grading and timing")
                show("the candidate, at the end", again)
                again.press("q")
                again.ended()
            interviewer.neighbours = []
            interviewer.press("q")
            interviewer.ended()
    assert practice() == before, "an interview changed a file of practice"
    return scorecard(home)


def first_half(candidate: Terminal, interviewer: Terminal, file: Path, show: Callable[[str, Terminal], None]) -> None:
    """A wrong answer, its verdict on both screens, a hint at its cost, a score and a note."""
    show("the candidate, at the beginning", candidate)
    file.write_text(WRONG, encoding="utf-8")
    interviewer.wait_for("last save at")
    show("the interviewer, after the first save", interviewer)
    candidate.press("v")
    candidate.wait_for("This looks like: forgets to rescale")
    show("the candidate, after a verdict", candidate)
    interviewer.press("v")
    interviewer.wait_for("This looks like: forgets to rescale")
    show("the interviewer, after a verdict", interviewer)
    candidate.press("h")
    candidate.wait_for("costs 10 of the round's")
    candidate.press("h")
    candidate.wait_for(f"Hint 1 of {len(dropout.hints)}")
    interviewer.press("s")
    interviewer.wait_for("correctness: press or click 1 to 4")
    interviewer.press("3")
    interviewer.wait_for("3 of 4")
    interviewer.press("m")
    interviewer.wait_for("a note; Enter keeps it")
    interviewer.press("explains the expectation first\r")
    interviewer.wait_for("noted")
    show("the interviewer, scoring", interviewer)


def second_half(candidate: Terminal, interviewer: Terminal, show: Callable[[str, Terminal], None]) -> None:
    """What was saved meanwhile passes; then a question with its follow-ups, which the interviewer rates."""
    candidate.wait_for("Write inverted dropout")
    candidate.wait_for("1 hint")
    candidate.press("v")
    candidate.wait_for("properties hold")
    show("the candidate, gone on", candidate)
    candidate.press("n")
    candidate.wait_for("n again ends this round")
    candidate.press("n")
    candidate.wait_for("Round 2 of 2")
    candidate.press("n")
    candidate.wait_for("Question 1 of 1")
    show("the candidate, asked", candidate)
    interviewer.press("l")
    interviewer.wait_for("now: the question itself")
    interviewer.press("4")
    interviewer.wait_for(">4")
    show("the interviewer, listening", interviewer)
    for step in ("follow-up 1", "follow-up 2"):
        candidate.press(" ")
        candidate.wait_for(step)
    candidate.press(" ")
    candidate.wait_for("The interview is over")


def gone(terminal: Terminal, words: str) -> None:
    """Until the screen says so no longer."""
    while "".join(words.split()) in "".join(terminal.screen.split()):
        terminal.settle(1.0)


def scorecard(home: Path, *arguments: str) -> Any:
    """What `grader report` says of the session."""
    command = [sys.executable, "-m", "grader", "report", "1", *(arguments or ("--json",))]
    done = subprocess.run(command, cwd=ROOT, env=environment(home), check=True, capture_output=True, text=True)
    return done.stdout if arguments else json.loads(done.stdout)


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "GRADER_HOME": str(home), "PYTHONPATH": str(ROOT)}


def practice() -> str:
    """A digest of every learner's file."""
    files = sorted((ROOT / "exercises").glob("*/*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def printed(title: str, terminal: Terminal) -> None:
    terminal.settle()
    print(f"\n=== {title}\n{terminal.screen.rstrip()}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        card = rehearse(home, printed)
        for round in card["rounds"]:
            print(f"\nround {round['ordinal']}: {round['level']}, {round['rule']}")
            for event in round["timeline"]:
                print(f"  {event['clock']:7.1f} s  {event['what']}")
        if sys.argv[1:]:
            scorecard(home, "--html", "--file", str(Path(sys.argv[1]).absolute()))


if __name__ == "__main__":
    main()
