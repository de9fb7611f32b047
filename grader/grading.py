"""One grading from the source text to the verdict: two witnesses, then the diagnosis. No torch here."""

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import takewhile

from grader.bugs import counted
from grader.catalogue import ROOT, Exercise
from grader.cell import Cell
from grader.diagnose import diagnose, likely
from grader.fingerprints import AT_ONCE, Fingerprints
from grader.listen import ENDED, Said, listen
from grader.run import OUTPUT_KEPT, RESIDENT_LIMIT, Run, Stopped
from grader.sandbox import Sandbox
from grader.twins import GraderError
from grader.verdict import Audit, Diagnosis, PropertyResult, Verdict
from grader.wire import HEARD_ALL, Message

FEW = 30  # properties: another worker costs as much CPU time as ten, and saves its users the time of half of them
Listener = Callable[[PropertyResult], None]


@dataclass(frozen=True)
class Budget:
    """CPU seconds: of a cheap property, and so of loading and of all workloads; of a costly property; of a whole worker.

    And the bytes of memory that a worker and all that it starts may occupy.
    """

    cheap: float = 10.0
    costly: float = 90.0
    total: int = 240
    resident: int = RESIDENT_LIMIT


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
    """What a properties' worker said of its share of them."""

    results: dict[str, PropertyResult]
    begun: set[str] = field(default_factory=set)
    running: str | None = None
    reported: set[str] = field(default_factory=set)
    outcome: str = ""  # that which ends the grading: raised, forbidden, memory, timeout, crashed, tampered
    message: str = ""
    is_done: bool = False
    has_ended: bool = False

    @property
    def ends_all(self) -> bool:
        """Whether it came to an end that settles the verdict, whatever the audit would say."""
        return self.outcome not in ("", "raised")

    def awaits(self, name: str, outcome: str) -> bool:
        """Whether this may be reported now: once per property, and after its start if it was run."""
        return name in self.results and name not in self.reported and (outcome == "not_run" or name == self.running)


@dataclass
class Deposition:
    """What the audit's worker said: its answers, still packed."""

    packed: list[tuple[Message, bytes]] = field(default_factory=list)
    is_ready: bool = False
    outcome: str = ""
    message: str = ""
    is_done: bool = False
    has_ended: bool = False


@dataclass
class Comparison:
    """What the trusted side made of the answers."""

    differences: list[Message] = field(default_factory=list)
    likeness: dict[str, float] = field(default_factory=dict)
    is_done: bool = False


class Grading:
    """Grades one candidate. `heard` is told every property's result as it comes."""

    def __init__(
        self,
        sandbox: Sandbox,
        candidate: Candidate,
        heard: Listener = lambda _: None,
        profile: str = "practice",
        budget: Budget = Budget(),
    ) -> None:
        self.sandbox, self.candidate, self.heard, self.profile = sandbox, candidate, heard, profile
        self.exercise, self.budget = candidate.exercise, budget
        self.seeds = [secrets.randbelow(2**31) for _ in range(2)]
        self.isolation = "none"
        self.printed = ""

    def verdict(self, fingerprints: Fingerprints | None = None) -> Verdict:
        """The verdict; with `fingerprints`, a broken submission is diagnosed, and bugs that were planted are counted.

        Raises GraderError.
        """
        start = time.perf_counter()
        witnesses = {self._start_properties(share): Witness(share) for share in self._shares()}
        deposition, comparison = Deposition(), Comparison()
        workloads = self._start("workloads", "workloads.py")
        trusted = self._start_trusted()
        self.isolation = workloads.isolation
        with closing(listen([*witnesses, workloads, trusted])) as said:
            for run, message, body in said:
                if run in witnesses:
                    self._hear(witnesses[run], run, message)
                elif run is workloads:
                    self._note(deposition, run, message, body)
                    _relay(deposition, trusted)
                else:
                    self._weigh(comparison, run, message)
                all_ended = all(witness.has_ended for witness in witnesses.values())
                if all_ended and (comparison.is_done or any(witness.ends_all for witness in witnesses.values())):
                    break
            self.printed = _printed([*witnesses])
            verdict = self._judged([*witnesses.values()], deposition, comparison)
            if fingerprints is not None and verdict.outcome in ("passed", "failed"):
                verdict = self._explained(verdict, trusted, said, fingerprints)
        return verdict.but(seconds=time.perf_counter() - start)

    def _shares(self) -> list[dict[str, PropertyResult]]:
        """The properties, dealt out to workers side by side; all to one where they are few, or some wait for the others."""
        results = [PropertyResult(name, claim) for name, claim in self.exercise.claims.items()]
        workers = 1 if self.exercise.costly or len(results) <= FEW else AT_ONCE
        return [{result.name: result for result in results[worker::workers]} for worker in range(workers)]

    def _start_properties(self, share: dict[str, PropertyResult]) -> Run:
        return self._start("properties", self.exercise.tests.name, profile=self.profile, only=[*share])

    def _start(self, job: str, *files: str, **details: object) -> Run:
        candidate, exercise = self.candidate, self.exercise
        request: Message = {"job": job, "exercise": exercise.name, "file": candidate.file, **details}
        if candidate.is_mistake:
            run = self.sandbox.start(request | {"mistake": candidate.submission}, cpu_seconds=self.budget.total)
        else:
            request |= {"asks_for": exercise.asks_for, "forbids": exercise.forbids}
            run = self.sandbox.start(request, candidate.source, cell_for(exercise, *files), self.budget.total)
        run.resident_limit = self.budget.resident
        run.allow(self.budget.cheap)
        return run

    def _start_trusted(self) -> Run:
        """The worker that answers as the solution does, while the submission answers, and then compares."""
        run = self.sandbox.start({"job": "compare", "exercise": self.exercise.name, "seeds": self.seeds})
        run.allow(self.budget.total)  # it waits for the others
        return run

    def _hear(self, witness: Witness, run: Run, message: Message) -> None:
        """Every message may be forged: only known names and forms count, each name once, and nothing after the end."""
        match message:
            case _ if message is ENDED:
                _end(witness, run)
                if witness.outcome == "timeout" and (name := witness.running):
                    late = PropertyResult(name, witness.results[name].claim, "timeout", message=witness.message)
                    witness.results[name] = late
            case _ if witness.is_done:
                run.stop(_nonsense(message))
            case {"event": "locked" | "loaded"}:
                return
            case {"event": "started", "name": str(name)} if name in witness.results and name not in witness.begun:
                witness.begun.add(name)
                witness.running = name
                run.allow(self.budget.costly if name in self.exercise.costly else self.budget.cheap)
            case {
                "event": "property", "name": str(name), "outcome": "passed" | "failed" | "error" | "not_run" as outcome,
                "seconds": float(seconds), "message": str(text), "counterexample": str(counterexample),
            } if witness.awaits(name, outcome):  # fmt: skip
                claim, seconds = witness.results[name].claim, seconds if 0 <= seconds < 1e6 else 0.0
                result = PropertyResult(name, claim, outcome, seconds, _plain(text), _plain(counterexample))
                witness.results[name], witness.running = result, None
                witness.reported.add(name)
                self.heard(result)
            case {"event": "raised" | "forbidden" | "memory" as outcome, "message": str(text)}:
                witness.outcome, witness.message = outcome, _line(text)
            case {"event": "broken", "message": str(text)}:
                witness.outcome, witness.message = "crashed", _line(text.strip().rpartition("\n")[2])
            case {"event": "done"}:
                witness.is_done = True
            case _:
                run.stop(_nonsense(message))

    def _note(self, deposition: Deposition, run: Run, message: Message, body: bytes) -> None:
        """As careful; what is kept to be compared is written anew."""
        match message:
            case _ if message is ENDED:
                _end(deposition, run)
            case _ if deposition.is_done:
                run.stop(_nonsense(message))
            case {"event": "locked" | "loaded"}:
                return
            case {"event": "ready"} if not deposition.is_ready:
                deposition.is_ready = True
                run.say({"seeds": self.seeds})
            case {"event": "answer", "workload": str(workload), "seed": int(seed), "error": str(error)} if deposition.is_ready:
                deposition.packed.append(({"event": "answer", "workload": workload, "seed": seed, "error": _line(error)}, b""))
            case {
                "event": "output", "name": str(name), "dtype": str(dtype), "shape": [*shape], "problem": str(problem),
            } if deposition.is_ready and all(type(length) is int for length in shape):  # fmt: skip
                output = {"event": "output", "name": name, "dtype": dtype, "shape": shape, "problem": _line(problem)}
                deposition.packed.append((output, body))
            case {"event": "raised" | "forbidden" | "memory" as outcome, "message": str(text)}:
                deposition.outcome, deposition.message = outcome, _line(text)
            case {"event": "broken", "message": str(text)}:
                deposition.outcome, deposition.message = "crashed", _line(text.strip().rpartition("\n")[2])
            case {"event": "done"} if deposition.is_ready or deposition.outcome:
                deposition.is_done = True
            case _:
                run.stop(_nonsense(message))

    def _weigh(self, comparison: Comparison, run: Run, message: Message) -> None:
        """What the trusted worker says. Raises GraderError."""
        match message["event"]:
            case "differs":
                comparison.differences.append(message)
            case "likeness":
                comparison.likeness[message["mistake"]] = message["share"]
            case "compared":
                comparison.is_done = True
            case "broken" if "ProtocolError" in message["message"]:
                nonsense = {"workload": "", "output": "", "detail": "replies that make no sense", "seed": 0}
                comparison.differences, comparison.is_done = [nonsense], True
            case "broken":
                raise GraderError(message["message"])
            case "ended" if not comparison.is_done:
                raise GraderError(f"the trusted worker stopped: {run.stopped}")

    def _judged(self, witnesses: list[Witness], deposition: Deposition, comparison: Comparison) -> Verdict:
        found = {name: result for witness in witnesses for name, result in witness.results.items()}
        results = [found[name] for name in self.exercise.claims]
        outcome, message, audit = self._judge(witnesses, deposition, comparison, results)
        return Verdict(
            self.exercise.name, self.candidate.submission, self.candidate.file, self.candidate.sha256, outcome, message,
            tuple(results), audit, isolation=self.isolation, printed=self.printed,
        )  # fmt: skip

    def _judge(
        self, witnesses: list[Witness], deposition: Deposition, comparison: Comparison, results: list[PropertyResult]
    ) -> tuple[str, str, Audit]:
        """Outcome, message and audit. PASS needs every property reported as passed, and the audit's agreement."""
        audit = self._audited(deposition, comparison)
        testimonies: list[Witness | Deposition] = [*witnesses, deposition]
        for testimony in testimonies:
            if testimony.outcome == "raised":
                return "failed", f"the submission could not be loaded: {testimony.message}", audit
        for testimony in testimonies:
            if testimony.outcome:
                return testimony.outcome, testimony.message, audit
        broken = [result for result in results if result.outcome in ("failed", "error")]
        if not all(witness.is_done and len(witness.reported) == len(witness.results) for witness in witnesses):
            return "tampered", "the worker ended without a word on every property", audit
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
        if not (deposition.is_done and comparison.is_done):
            return Audit("not_run", deposition.message)
        if not comparison.differences:
            return Audit("agreed")
        first = comparison.differences[0]
        output = f", output {first['output']!r}" if first["output"] else ""
        return Audit("differed", f"workload {first['workload']} (seed {first['seed']}){output}: {first['detail']}")

    def _answers_better_beside_properties(self) -> bool:
        """Run the workloads again, with the same seeds, in a worker that has the properties loaded."""
        again, comparison = Deposition(), Comparison()
        workloads = self._start("workloads", "workloads.py", self.exercise.tests.name, beside_properties=True)
        trusted = self._start_trusted()
        with closing(listen([workloads, trusted])) as said:
            for run, message, body in said:
                if run is workloads:
                    self._note(again, run, message, body)
                    _relay(again, trusted)
                else:
                    self._weigh(comparison, run, message)
                if comparison.is_done:
                    break
        return again.is_done and not comparison.differences

    def _explained(self, verdict: Verdict, trusted: Run, said: Said, fingerprints: Fingerprints) -> Verdict:
        """With the bugs that are left, where bugs were planted; else with the mistakes that a broken submission looks like."""
        if self.exercise.kind == "debugging":
            return counted(verdict, fingerprints.of(self.exercise, self.sandbox))
        if verdict.outcome == "passed" or not verdict.fingerprint:
            return verdict
        return verdict.but(diagnosis=self._diagnose(verdict, trusted, said, fingerprints))

    def _diagnose(self, verdict: Verdict, trusted: Run, said: Said, fingerprints: Fingerprints) -> tuple[Diagnosis, ...]:
        """Of the mistakes with a similar fingerprint, those whose outputs on the workloads are like the submission's too."""
        unwritten = frozenset(result.name for result in verdict.properties if result.outcome == "not_run")
        known = fingerprints.of(self.exercise, self.sandbox)
        scores = likely(verdict.fingerprint, known, unwritten)
        if not scores:
            return ()
        trusted.say({"mistakes": list(scores)})
        trusted.allow(self.budget.total)
        comparison = Comparison(is_done=True)
        for run, message, _ in said:
            if run is trusted:
                self._weigh(comparison, run, message)
        return diagnose(scores, comparison.likeness, known)


def _end(testimony: Witness | Deposition, run: Run) -> None:
    """Its worker is gone; how, counts where it had not said so itself."""
    testimony.has_ended = True
    if run.stopped and not testimony.outcome:
        testimony.outcome, testimony.message = run.stopped.outcome, str(run.stopped)


def _relay(deposition: Deposition, trusted: Run) -> None:
    """Hand the answers over once there will be no more."""
    if deposition.has_ended:
        for message, body in deposition.packed:
            trusted.say(message, body)
        trusted.say(HEARD_ALL)


def _nonsense(message: Message) -> Stopped:
    event = message.get("event")
    name = _line(event)[:80] if isinstance(event, str) else "no event"
    return Stopped("tampered", f"the worker sent what makes no sense here: {name}")


def _printed(runs: list[Run]) -> str:
    """What the submission wrote, that which every worker began with only once, and how much of it was not kept."""
    texts = [run.printed.decode(errors="replace").splitlines(keepends=True) for run in runs]
    at_import = [lines[0] for lines in takewhile(lambda lines: len(set(lines)) == 1, zip(*texts, strict=False))]
    text = "".join(at_import + [line for lines in texts for line in lines[len(at_import) :]])
    dropped = sum(run.dropped for run in runs) + max(0, len(text) - OUTPUT_KEPT)
    more = f"\n… and {dropped:,} bytes more" if dropped else ""
    return text[:OUTPUT_KEPT] + more


def _plain(text: str) -> str:
    """Text that can be written in UTF-8."""
    return text.encode(errors="replace").decode()


def _line(text: str) -> str:
    return " ".join(_plain(text[:2000]).split())


def cell_for(exercise: Exercise, *files: str) -> Cell:
    """A view of the grader and of single files of one exercise: never a solution, the journal or a home folder."""
    visible = [str(ROOT / "grader"), *(str(exercise.folder / name) for name in (*files, "given.py"))]
    hidden = [str(ROOT / name) for name in ("solutions", "tests", ".git")]
    return Cell(tuple(visible), tuple(hidden), cpu_seconds=Budget.total)
