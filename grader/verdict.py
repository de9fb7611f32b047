"""What one grading found, and the JSON that other programs rely on."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from grader.estimate import Estimate

HELD_BEFORE = "this held before your change"
PASSED, NOT_PASSED, USAGE, GRADER_FAILED = 0, 1, 2, 3


@dataclass(frozen=True)
class PropertyResult:
    """`outcome`: passed, failed (the claim is false), error (an exception), timeout or not_run."""

    name: str
    claim: str
    outcome: str = "not_run"
    seconds: float = 0.0
    message: str = ""
    counterexample: str = ""

    @property
    def is_broken(self) -> bool:
        return self.outcome in ("failed", "error", "timeout")

    @property
    def is_new(self) -> bool:
        """Whether it held in the code with bugs that the learner was given, and is broken now."""
        return self.message.startswith(HELD_BEFORE)


@dataclass(frozen=True)
class Audit:
    """`outcome`: agreed, differed or not_run."""

    outcome: str = "not_run"
    detail: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """A known mistake that the submission looks like; `confidence` in [0, 1]."""

    mistake: str
    lesson: str
    confidence: float


@dataclass(frozen=True)
class Timing:
    """Seconds per call at one size, for JSON, and the ratios that people are shown: 'yours/torch' -> Estimate."""

    workload: str
    size: dict[str, int]
    seconds: dict[str, float]  # by runner: yours, solution, torch; one that answers wrongly is missing
    ratios: dict[str, Estimate]


@dataclass(frozen=True)
class Growth:
    """How time and peak memory of one runner grow along a workload's axis; the exponents are those of the length."""

    workload: str
    runner: str
    axis: str
    lengths: tuple[int, ...]
    seconds: tuple[float, ...]
    bytes: tuple[int, ...]
    flops: int  # at the largest length
    time: Estimate
    memory: Estimate
    declared_time: float | None
    declared_memory: float | None


@dataclass(frozen=True)
class Verdict:
    """`outcome`: passed, failed, not_started, crashed, timeout, memory, forbidden, tampered, no_submission or grader_error."""

    exercise: str
    submission: str
    file: str
    sha256: str
    outcome: str
    message: str = ""
    properties: tuple[PropertyResult, ...] = ()
    audit: Audit = Audit()
    diagnosis: tuple[Diagnosis, ...] = ()
    benchmark: tuple[Timing, ...] = ()
    growth: tuple[Growth, ...] = ()
    isolation: str = "none"
    seconds: float = 0.0
    printed: str = field(default="", compare=False)  # what the submission wrote; for the screen only

    @property
    def fingerprint(self) -> frozenset[str]:
        """The properties that the submission breaks. Those stopped by NotImplementedError do not count."""
        return frozenset(result.name for result in self.properties if result.is_broken)

    @property
    def exit_code(self) -> int:
        match self.outcome:
            case "passed" | "not_started":
                return PASSED
            case "no_submission":
                return USAGE
            case "grader_error":
                return GRADER_FAILED
        return NOT_PASSED

    def but(self, **changes: Any) -> "Verdict":
        return replace(self, **changes)

    def to_json(self) -> str:
        """One line. The keys and their order are a contract."""
        return json.dumps({
            "exercise": self.exercise, "submission": self.submission, "file": self.file, "sha256": self.sha256,
            "message": self.message, "outcome": self.outcome,
            "properties": [vars(result) for result in self.properties],
            "audit": vars(self.audit),
            "diagnosis": [vars(diagnosis) for diagnosis in self.diagnosis],
            "benchmark": [self._row(timing) for timing in self.benchmark],
            "isolation": self.isolation, "seconds": round(self.seconds, 3),
        })  # fmt: skip

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Verdict":
        """What `to_json` wrote, its benchmark left out."""
        facts = {
            key: found[key]
            for key in ("exercise", "submission", "file", "sha256", "outcome", "message", "isolation", "seconds")
        }
        return cls(
            **facts,
            properties=tuple(PropertyResult(**row) for row in found["properties"]),
            audit=Audit(**found["audit"]),
            diagnosis=tuple(Diagnosis(**row) for row in found["diagnosis"]),
        )

    def _row(self, timing: Timing) -> dict[str, Any]:
        seconds = {runner: timing.seconds.get(runner) for runner in ("yours", "solution", "torch")}
        exponents = [curve.time.middle for curve in self.growth if (curve.workload, curve.runner) == (timing.workload, "yours")]
        return {"workload": timing.workload, "size": timing.size, **seconds, "growth": exponents[0] if exponents else None}
