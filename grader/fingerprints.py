"""The fingerprints of an exercise's known mistakes: worked out when first needed, kept until the exercise changes."""

import hashlib
import json
import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

from grader.catalogue import ROOT, TOGETHER, Exercise
from grader.diagnose import Known
from grader.sandbox import GraderError, Run, Sandbox, listen
from grader.wire import Message


class Fingerprints:
    """A cache in `folder`: one file per exercise and state of its sources. Losing it costs only time."""

    def __init__(self, folder: Path, announce: Callable[[str], None] = lambda _: None) -> None:
        self.folder, self.announce = folder, announce

    def of(self, exercise: Exercise, sandbox: Sandbox) -> list[Known]:
        """Every mistake, or every set of bugs, with the properties that it breaks. Raises GraderError where one can't run."""
        path = self.folder / f"{exercise}-{_state(exercise)}.json"
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            what = "bugs" if exercise.kind == "debugging" else "mistakes"
            self.announce(f"getting to know the {what} of {exercise}; this is done once")
            known = work_out(exercise, sandbox)
            _keep(path, json.dumps([[m.name, m.lesson, sorted(m.fingerprint), m.twin_of] for m in known]))
            return known
        return [Known(name, lesson, frozenset(fingerprint), twin) for name, lesson, fingerprint, twin in rows]


def work_out(exercise: Exercise, sandbox: Sandbox) -> list[Known]:
    """Run the properties on each mistake, two at a time. Raises GraderError."""
    described = [message for _, message, _ in listen([sandbox.start({"job": "mistakes", "exercise": exercise.name})])]
    rows: dict[str, Message] = {m["name"]: m | {"fingerprint": []} for m in described if m["event"] == "mistake"}
    if any(message["event"] == "broken" for message in described):
        raise GraderError(described[-1]["message"])
    if exercise.kind == "debugging":
        unions = [TOGETHER.join(some) for count in range(2, len(rows) + 1) for some in combinations(rows, count)]
        rows |= {name: {"lesson": "", "twin_of": None, "fingerprint": []} for name in unions}
    names = list(rows)
    for pair in (names[start : start + 2] for start in range(0, len(names), 2)):
        runs = [_properties_of(exercise, name, sandbox) for name in pair]
        for run, message, _ in listen(runs):
            row = rows[pair[runs.index(run)]]
            if message["event"] == "property" and message["outcome"] in ("failed", "error"):
                row["fingerprint"].append(message["name"])
            elif message["event"] == "broken":
                raise GraderError(message["message"])
    return [Known(name, row["lesson"], frozenset(row["fingerprint"]), row["twin_of"]) for name, row in rows.items()]


def _properties_of(exercise: Exercise, mistake: str, sandbox: Sandbox) -> Run:
    request = {"job": "properties", "exercise": exercise.name, "file": "", "mistake": mistake, "profile": "fingerprint"}
    run = sandbox.start(request, cpu_seconds=240)
    run.allow(200)
    return run


def _state(exercise: Exercise) -> str:
    """A hash of all that decides a fingerprint."""
    digest = hashlib.sha256()
    files = [*exercise.folder.glob("*.py"), *exercise.solution.parent.glob("*.py"), ROOT / "grader" / "kit.py"]
    for path in sorted(path for path in files if path != exercise.folder / exercise.stub.name):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _keep(path: Path, text: str) -> None:
    """Write and rename, so that two graders at once never see half a file; a folder that can't be written costs time only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
    except OSError:
        return
