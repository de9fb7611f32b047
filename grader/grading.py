"""One grading from the source text to the verdict: two witnesses, then the diagnosis, then the clock. No torch here."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from grader.catalogue import ROOT, Exercise
from grader.cell import Cell
from grader.diagnose import diagnose, likely
from grader.fingerprints import Fingerprints
from grader.sandbox import GraderError, Run, Sandbox, listen
from grader.verdict import Audit, Diagnosis, PropertyResult, Timing, Verdict
from grader.wire import Message, frame

CHEAP, COSTLY = 10.0, 90.0  # CPU seconds that one property may take
TOTAL = 240  # CPU seconds of a whole worker

Listener = Callable[[PropertyResult], None]


@dataclass(frozen=True)
class Candidate:
    """What is to be graded: a source text under the name of its file, or a known mistake by its name."""

    exercise: Exercise
    submission: str  # yours, solution, or the name of a mistake
    file: str
    source: bytes

    @property
    def is_mistake(self) -> bool:
        return self.submission not in ("yours", "solution")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.source).hexdigest()


@dataclass
class Witness:
    """What the properties' worker said."""

    results: dict[str, PropertyResult]
    running: str | None = None
    outcome: str = ""  # that which ends the grading: raised, forbidden, memory, timeout, crashed, tampered
    message: str = ""
    is_done: bool = False


@dataclass
class Deposition:
    """What the audit's worker said: its answers, still packed."""

    packed: list[tuple[Message, bytes]] = field(default_factory=list)
    outcome: str = ""
    message: str = ""
    is_done: bool = False


@dataclass
class Comparison:
    """What the trusted side made of the answers."""

    differences: list[Message] = field(default_factory=list)
    likeness: dict[str, float] = field(default_factory=dict)


class Grading:
    """Grades one candidate. `heard` is told every property's result as it comes."""

    def __init__(
        self, sandbox: Sandbox, candidate: Candidate, heard: Listener = lambda _: None, profile: str = "practice"
    ) -> None:
        self.sandbox, self.candidate, self.heard, self.profile = sandbox, candidate, heard, profile
        self.exercise = candidate.exercise
        self.seeds = [secrets.randbelow(2**31) for _ in range(2)]
        self.isolation = "none"
        self.printed = ""

    def verdict(self, fingerprints: Fingerprints | None = None, bench: bool = False) -> Verdict:
        """The verdict; with `fingerprints`, a broken submission is diagnosed; with `bench`, a passing one is timed."""
        start = time.perf_counter()
        witness, deposition = self._two_witnesses()
        results = tuple(witness.results.values())
        comparison = self._compare(deposition, {})
        outcome, message, audit = self._judge(witness, deposition, comparison)
        verdict = Verdict(
            self.exercise.name, self.candidate.submission, self.candidate.file, self.candidate.sha256, outcome, message,
            results, audit, isolation=self.isolation, printed=self.printed,
        )  # fmt: skip
        if outcome == "failed" and fingerprints is not None and verdict.fingerprint:
            verdict = verdict.but(diagnosis=self._diagnose(verdict, deposition, fingerprints))
        if outcome == "passed" and bench:
            verdict = verdict.but(benchmark=tuple(self.benchmark()))
        return verdict.but(seconds=time.perf_counter() - start)

    def _two_witnesses(self) -> tuple[Witness, Deposition]:
        """Both workers at once: one holds the properties, the other knows only the workloads."""
        claims = self.exercise.claims
        witness = Witness({name: PropertyResult(name, claim) for name, claim in claims.items()})
        deposition = Deposition()
        properties = self._start("properties", self.exercise.tests.name, profile=self.profile)
        workloads = self._start("workloads", "workloads.py")
        self.isolation = properties.isolation
        for run, message, body in listen([properties, workloads]):
            if run is properties:
                self._hear(witness, run, message)
            else:
                self._note(deposition, run, message, body)
        for testimony, run in ((witness, properties), (deposition, workloads)):
            if run.stopped and not testimony.outcome:
                testimony.outcome, testimony.message = run.stopped.outcome, str(run.stopped)
        if witness.outcome == "timeout" and witness.running:
            name = witness.running
            witness.results[name] = PropertyResult(name, claims[name], "timeout", message=witness.message)
        self.printed = properties.printed.decode(errors="replace")
        return witness, deposition

    def _start(self, job: str, file: str, **details: object) -> Run:
        candidate, exercise = self.candidate, self.exercise
        request: Message = {"job": job, "exercise": exercise.name, "file": candidate.file, **details}
        if candidate.is_mistake:
            return self.sandbox.start(request | {"mistake": candidate.submission}, cpu_seconds=TOTAL)
        request |= {"asks_for": exercise.asks_for, "forbids": exercise.forbids}
        return self.sandbox.start(request, candidate.source, cell_for(exercise, file), TOTAL)

    def _hear(self, witness: Witness, run: Run, message: Message) -> None:
        """Every message may be forged: only known names and forms count."""
        match message:
            case {"event": "started", "name": str(name)} if name in witness.results:
                witness.running = name
                run.allow(COSTLY if name in self.exercise.costly else CHEAP)
            case {"event": "property", "name": str(name), "outcome": str(outcome)} if name in witness.results:
                if outcome not in ("passed", "failed", "error", "not_run") or witness.results[name].outcome == "passed":
                    witness.outcome, witness.message = "tampered", f"a property was reported twice: {name}"
                    return
                text = lambda key: str(message.get(key, ""))[:20_000]
                seconds = message.get("seconds")
                result = PropertyResult(
                    name, witness.results[name].claim, outcome, float(seconds) if isinstance(seconds, int | float) else 0.0,
                    text("message"), text("counterexample"),
                )  # fmt: skip
                witness.results[name], witness.running = result, None
                self.heard(result)
            case {"event": "raised" | "forbidden" | "memory" as outcome, "message": str(text)}:
                witness.outcome, witness.message = outcome, text[:2000]
            case {"event": "broken", "message": str(text)}:
                witness.outcome, witness.message = "crashed", text[-2000:]
            case {"event": "done"}:
                witness.is_done = True
            case {"event": "locked" | "loaded"}:
                return
            case _:
                witness.outcome, witness.message = "tampered", "the worker sent a message that makes no sense"

    def _note(self, deposition: Deposition, run: Run, message: Message, body: bytes) -> None:
        match message:
            case {"event": "ready"}:
                run.say({"seeds": self.seeds})
            case {"event": "answer" | "output"}:
                deposition.packed.append((message, body))
            case {"event": "raised" | "forbidden" | "memory" as outcome, "message": str(text)}:
                deposition.outcome, deposition.message = outcome, text[:2000]
            case {"event": "broken", "message": str(text)}:
                deposition.outcome, deposition.message = "crashed", text[-2000:]
            case {"event": "done"}:
                deposition.is_done = True

    def _compare(self, deposition: Deposition, likely_mistakes: dict[str, float]) -> Comparison:
        """The trusted worker's comparison, and how like the answers are to those of some mistakes. Raises GraderError."""
        comparison = Comparison()
        request = {"job": "compare", "exercise": self.exercise.name, "seeds": self.seeds, "mistakes": list(likely_mistakes)}
        run = self.sandbox.start(request, b"".join(frame(message, body) for message, body in deposition.packed))
        run.allow(60)
        finished = False
        for _, message, _ in listen([run]):
            match message["event"]:
                case "differs":
                    comparison.differences.append(message)
                case "likeness":
                    comparison.likeness[message["mistake"]] = message["share"]
                case "broken" if "ProtocolError" in message["message"]:
                    return Comparison([{"workload": "", "output": "", "detail": "replies that make no sense", "seed": 0}])
                case "broken":
                    raise GraderError(message["message"])
                case "done":
                    finished = True
        if not finished:
            raise GraderError(f"the trusted worker stopped: {run.stopped}")
        return comparison

    def _judge(self, witness: Witness, deposition: Deposition, comparison: Comparison) -> tuple[str, str, Audit]:
        """Outcome, message and audit. PASS needs every property reported as passed, and the audit's agreement."""
        audit = self._audited(deposition, comparison)
        for testimony in (witness, deposition):
            if testimony.outcome == "raised":
                return "failed", f"the submission could not be loaded: {testimony.message}", audit
        for testimony in (witness, deposition):
            if testimony.outcome:
                return testimony.outcome, testimony.message, audit
        results = list(witness.results.values())
        broken = [result for result in results if result.outcome in ("failed", "error")]
        if not witness.is_done:
            return "tampered", "the worker ended without saying that it was done", audit
        if broken:
            return "failed", f"{len(broken)} of {len(results)} properties do not hold", audit
        waiting = [result for result in results if result.outcome == "not_run"]
        if waiting:
            return "failed", f"{len(waiting)} of {len(results)} properties wait for code that is not written yet", audit
        if audit.outcome != "agreed":
            if self._answers_better_beside_properties():
                return "tampered", f"beside the properties the same input was answered otherwise: {audit.detail}", audit
            return "failed", f"every property holds, but on other input it differs from the reference: {audit.detail}", audit
        return "passed", f"all {len(results)} properties hold", audit

    def _audited(self, deposition: Deposition, comparison: Comparison) -> Audit:
        if not deposition.is_done:
            return Audit("not_run", deposition.message)
        if not comparison.differences:
            return Audit("agreed")
        first = comparison.differences[0]
        output = f", output {first['output']!r}" if first["output"] else ""
        return Audit("differed", f"workload {first['workload']} (seed {first['seed']}){output}: {first['detail']}")

    def _answers_better_beside_properties(self) -> bool:
        """Run the workloads again, with the same seeds, in a worker that has the properties loaded."""
        again = Deposition()
        run = self._start("workloads", self.exercise.tests.name, beside_properties=True)
        for _, message, body in listen([run]):
            self._note(again, run, message, body)
        return again.is_done and not self._compare(again, {}).differences

    def _diagnose(self, verdict: Verdict, deposition: Deposition, fingerprints: Fingerprints) -> tuple[Diagnosis, ...]:
        unwritten = frozenset(result.name for result in verdict.properties if result.outcome == "not_run")
        known = fingerprints.of(self.exercise, self.sandbox)
        scores = likely(verdict.fingerprint, known, unwritten)
        if not scores:
            return ()
        return diagnose(scores, self._compare(deposition, scores).likeness, known)

    def benchmark(self) -> list[Timing]:
        """The submission, the reference and torch in turns; the reference alone where that is the candidate."""
        if self.candidate.is_mistake:
            return []
        reference = self.exercise.solution.read_bytes()
        yours = b"" if self.candidate.submission == "solution" else self.candidate.source
        request = {
            "job": "benchmark", "exercise": self.exercise.name, "file": self.candidate.file, "asks_for": self.exercise.asks_for,
            "reference_bytes": len(reference),
        }  # fmt: skip
        run = self.sandbox.start(request, reference + yours, cell_for(self.exercise, "workloads.py"), TOTAL)
        run.allow(60)
        found = []
        for _, message, _ in listen([run]):
            if message.get("event") == "timing":
                found.append(_timing(message))
        return [timing for timing in found if timing is not None]


def _timing(message: Message) -> Timing | None:
    try:
        ratios = {str(name): (float(a), float(b), float(c)) for name, (a, b, c) in message["ratios"].items()}
        size = {str(axis): int(length) for axis, length in message["size"].items()}
        yours, solution, torch, growth = (
            None if message[name] is None else float(message[name]) for name in ("yours", "solution", "torch", "growth")
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return Timing(str(message["workload"])[:80], size, yours, solution, torch, growth, ratios)


def cell_for(exercise: Exercise, *files: str) -> Cell:
    """A view of the grader and of single files of one exercise: never a solution, the journal or a home folder."""
    visible = [str(ROOT / "grader"), *(str(exercise.folder / name) for name in (*files, "given.py"))]
    hidden = [str(ROOT / name) for name in ("solutions", "tests", ".git")]
    return Cell(tuple(visible), tuple(hidden), cpu_seconds=TOTAL)
