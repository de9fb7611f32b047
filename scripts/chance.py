"""Draws other examples than the grader does, and counts the mistakes that they do not catch, or do not name.

    python scripts/chance.py                # 3 rounds over the whole catalogue
    python scripts/chance.py --rounds 10 attention dropout

What a property notices with some luck only, it should be written to notice always: an interview draws anew for every verdict.
"""

import argparse
import sys
from collections import Counter

from grader.bugs import left
from grader.catalogue import TOGETHER, Exercise, exercises
from grader.check import named_like
from grader.diagnose import Known
from grader.fingerprints import work_out
from grader.sandbox import Sandbox


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often every mistake is held to the properties")
    parser.add_argument("names", nargs="*", help="these exercises only")
    asked = parser.parse_args()
    wanted = [each for each in exercises() if each.kind != "oral" and (not asked.names or each.name in asked.names)]
    totals: Counter[str] = Counter()
    with Sandbox(thoroughly=True) as sandbox:
        for exercise in wanted:
            known = work_out(exercise, sandbox)
            found = Counter((one.name, said(exercise, one, known))
                            for _ in range(asked.rounds) for one in work_out(exercise, sandbox, "chance"))  # fmt: skip
            for (name, what), times in sorted(found.items()):
                totals[what] += times
                if what != "named first":
                    print(f"{exercise}: {name}: {what}, {times} of {asked.rounds} times", flush=True)
    print(f"mistakes and sets of bugs under {asked.rounds} other draws: {dict(totals)}")
    sys.exit(totals.total() != totals["named first"])


def said(exercise: Exercise, one: Known, known: list[Known]) -> str:
    """What its fingerprint under these draws is taken for, beside those that the grader keeps."""
    if not one.fingerprint:
        return "not caught"
    if exercise.kind == "debugging":
        return "named first" if left(one.fingerprint, known) == one.name.split(TOGETHER) else "not located"
    return "named first" if named_like(one, known) == {one.name} else "not named first"


if __name__ == "__main__":
    main()
