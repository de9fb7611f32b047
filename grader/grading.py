"""One grading from the source text to the verdict: two witnesses, then the diagnosis. No torch here."""

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile

from grader.bugs import counted
from grader.catalogue import ROOT, Exercise
from grader.cell import Cell
from grader.diagnose import diagnose, likely
from grader.fingerprints import AT_ONCE, Fingerprints
from grader.listen import Said, listen
from grader.run import OUTPUT_KEPT, RESIDENT_LIMIT, Run
from grader.sandbox import Sandbox
from grader.testimony import Comparison, Deposition, Testimony, Witness
from grader.verdict import Audit, Diagnosis, PropertyResult, Verdict
from grader.wire import Message

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
        witnesses = {self._start_properties(share): self._witness(share) for share in self._shares()}
        deposition, comparison = Deposition(seeds=self.seeds), Comparison()
        workloads = self._start("workloads", "workloads.py")
        trusted = self._start_trusted()
        self.isolation = workloads.isolation
        with closing(listen([*witnesses, workloads, trusted])) as said:
            for run, message, body in said:
                if run in witnesses:
                    if result := witnesses[run].hear(run, message):
                        self.heard(result)
                elif run is workloads:
                    deposition.hear(run, message, body)
                    deposition.relay(trusted)
                else:
                    comparison.hear(run, message)
                all_ended = all(witness.has_ended for witness in witnesses.values())
                if all_ended and (comparison.is_done or any(witness.ends_all for witness in witnesses.values())):
                    break
            self.printed = _printed([*witnesses])
            verdict = self._judged([*witnesses.values()], deposition, comparison)
            if fingerprints is not None and comparison.is_done and verdict.outcome in ("passed", "failed"):
                verdict = self._explained(verdict, trusted, said, fingerprints)
        return verdict.but(seconds=time.perf_counter() - start)

    def _shares(self) -> list[list[str]]:
        """The properties, dealt out to workers side by side; all to one where they are few, or some wait for the others."""
        names = list(self.exercise.claims)
        workers = 1 if self.exercise.costly or len(names) <= FEW else AT_ONCE
        return [names[worker::workers] for worker in range(workers)]

    def _witness(self, share: list[str]) -> Witness:
        claims, costly, budget = self.exercise.claims, self.exercise.costly, self.budget
        results = {name: PropertyResult(name, claims[name]) for name in share}
        return Witness(results=results, patience={name: budget.costly if name in costly else budget.cheap for name in share})

    def _start_properties(self, share: list[str]) -> Run:
        return self._start("properties", self.exercise.tests.name, profile=self.profile, only=share)

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
        audit = comparison.audit(deposition)
        testimonies: list[Testimony] = [*witnesses, deposition]
        for testimony in testimonies:
            if testimony.outcome == "raised":
                return "failed", f"the submission could not be loaded: {testimony.message}", audit
        for testimony in testimonies:
            if testimony.outcome:
                return testimony.outcome, testimony.message, audit
        broken = [result for result in results if result.outcome in ("failed", "error")]
        if not all(witness.is_whole for witness in witnesses):
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

    def _answers_better_beside_properties(self) -> bool:
        """Run the workloads again, with the same seeds, in a worker that has the properties loaded."""
        again, comparison = Deposition(seeds=self.seeds), Comparison()
        workloads = self._start("workloads", "workloads.py", self.exercise.tests.name, beside_properties=True)
        trusted = self._start_trusted()
        with closing(listen([workloads, trusted])) as said:
            for run, message, body in said:
                if run is workloads:
                    again.hear(run, message, body)
                    again.relay(trusted)
                else:
                    comparison.hear(run, message)
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
                comparison.hear(run, message)
        return diagnose(scores, comparison.likeness, known)


def _printed(runs: list[Run]) -> str:
    """What the submission wrote, that which every worker began with only once, and how much of it was not kept."""
    texts = [run.printed.decode(errors="replace").splitlines(keepends=True) for run in runs]
    at_import = [lines[0] for lines in takewhile(lambda lines: len(set(lines)) == 1, zip(*texts, strict=False))]
    text = "".join(at_import + [line for lines in texts for line in lines[len(at_import) :]])
    dropped = sum(run.dropped for run in runs) + max(0, len(text) - OUTPUT_KEPT)
    more = f"\n… and {dropped:,} bytes more" if dropped else ""
    return text[:OUTPUT_KEPT] + more


def cell_for(exercise: Exercise, *files: str) -> Cell:
    """A view of the grader and of single files of one exercise: never a solution, the journal or a home folder."""
    visible = [str(ROOT / "grader"), *(str(exercise.folder / name) for name in (*files, "given.py"))]
    hidden = [str(ROOT / name) for name in ("solutions", "tests", ".git")]
    return Cell(tuple(visible), tuple(hidden), cpu_seconds=Budget.total)
