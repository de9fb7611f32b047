"""Grades every right answer again and again while all cores are kept busy, and counts the verdicts that are not 'passed'.

    python scripts/false_failures.py              # 20 times each, an exercise with a costly property 3 times
    python scripts/false_failures.py --rounds 5 attention dropout

Right answers are the references and the unusual ones in tests/otherwise/. Every grading draws anew, as an interview does.
"""

import argparse
import multiprocessing
import os
import sys
from collections import Counter
from pathlib import Path

from grader.catalogue import ROOT, Exercise, exercises
from grader.grading import Candidate, Grading
from grader.sandbox import Sandbox

COSTLY_ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="gradings of each answer")
    parser.add_argument("names", nargs="*", help="these exercises only")
    asked = parser.parse_args()
    rounds, wanted = asked.rounds, [each for each in exercises() if not asked.names or each.name in asked.names]
    burners = [multiprocessing.Process(target=burn, daemon=True) for _ in range(os.cpu_count() or 1)]
    for burner in burners:
        burner.start()
    outcomes: Counter[str] = Counter()
    with Sandbox() as sandbox:
        for exercise in wanted:
            for path in right_answers(exercise) if exercise.kind != "oral" else ():
                for _ in range(min(rounds, COSTLY_ROUNDS) if exercise.costly else rounds):
                    candidate = Candidate(exercise, "yours", str(path), path.read_bytes())
                    verdict = Grading(sandbox, candidate, profile="interview").verdict()
                    outcomes[verdict.outcome] += 1
                    if verdict.outcome != "passed":
                        print(f"{path.relative_to(ROOT)}: {verdict.outcome}, {verdict.message}", flush=True)
    print(f"{outcomes.total()} gradings of right answers on {os.cpu_count()} busy cores: {dict(outcomes)}")
    sys.exit(outcomes.total() != outcomes["passed"])


def right_answers(exercise: Exercise) -> list[Path]:
    return [exercise.solution, *sorted((ROOT / "tests" / "otherwise" / exercise.name).glob("*.py"))]


def burn() -> None:
    while True:
        sum(range(100_000))


if __name__ == "__main__":
    main()
