"""The fingerprints of an exercise's known mistakes: worked out when first needed, kept until the exercise changes."""

import contextlib
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from itertools import chain, combinations, islice
from pathlib import Path

from grader.catalogue import ROOT, TOGETHER, Exercise, write_whole
from grader.diagnose import Known
from grader.reach import Reach
from grader.sandbox import Sandbox

AT_ONCE = 2  # workers: more would wait for a core


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
            with contextlib.suppress(OSError):  # a folder that can't be written costs time only
                self.folder.mkdir(parents=True, exist_ok=True)
                write_whole(path, json.dumps([[m.name, m.lesson, sorted(m.fingerprint), m.twin_of] for m in known]))
            return known
        return [Known(name, lesson, frozenset(fingerprint), twin) for name, lesson, fingerprint, twin in rows]


def work_out(exercise: Exercise, sandbox: Sandbox, profile: str = "fingerprint") -> list[Known]:
    """Hold the properties to each mistake, or each set of bugs, in a few workers at a time. Raises GraderError."""
    described = [message for message in sandbox.ask("mistakes", exercise.name) if message["event"] == "mistake"]
    told = {message["name"]: (message["lesson"], message["twin_of"]) for message in described}
    if exercise.kind == "debugging":
        sets = [TOGETHER.join(some) for count in range(2, len(told) + 1) for some in combinations(told, count)]
        told |= dict.fromkeys(sets, ("", None))
    replaced = {message["name"]: message["replaces"] for message in described}
    reach = Reach.of(exercise, sandbox)
    held = {name: reach.properties(*(replaced[one] for one in name.split(TOGETHER))) for name in told}
    shares = [dict(islice(held.items(), start, None, AT_ONCE)) for start in range(AT_ONCE)]
    ask = lambda share: sandbox.ask("fingerprints", exercise.name, held=share, profile=profile)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = chain.from_iterable(pool.map(ask, shares))
        broken = {m["mistake"]: frozenset(m["broken"]) for m in said if m["event"] == "fingerprint"}
    return [Known(name, lesson, broken[name], twin) for name, (lesson, twin) in told.items()]


def _state(exercise: Exercise) -> str:
    """A hash of all that decides a fingerprint."""
    digest = hashlib.sha256(version("hypothesis").encode())
    ours = [ROOT / "grader" / f"{name}.py" for name in ("kit", "examine", "submission", "stub", "reach")]
    files = [*exercise.folder.glob("*.py"), *exercise.solution.parent.glob("*.py"), *ours]
    for path in sorted(path for path in files if path != exercise.folder / exercise.stub.name):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
