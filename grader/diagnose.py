"""Which known mistake a submission looks like: its fingerprint beside theirs, and how alike the wrong outputs are."""

from collections.abc import Mapping
from dataclasses import dataclass

from grader.verdict import Diagnosis

SURE_ENOUGH = 0.65  # below this nothing is said; a fingerprint that matches exactly reaches it alone
TOO_LITTLE = 0.5  # of fingerprints alone: with no more in common than this, outputs are not looked at


@dataclass(frozen=True)
class Known:
    """A mistake of the exercise, and the properties that it breaks."""

    name: str
    lesson: str
    fingerprint: frozenset[str]
    twin_of: str | None = None


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's index: of all properties that either breaks, the share that both break."""
    return len(one & other) / len(one | other) if one | other else 0.0


def likely(fingerprint: frozenset[str], known: list[Known], unwritten: frozenset[str] = frozenset()) -> dict[str, float]:
    """The mistakes whose fingerprints are similar, best first. Properties that could not be held are left out of both."""
    scores = {mistake.name: similarity(fingerprint, mistake.fingerprint - unwritten) for mistake in known}
    kept = {name: score for name, score in scores.items() if score > TOO_LITTLE}
    return dict(sorted(kept.items(), key=lambda item: -item[1]))


def diagnose(scores: Mapping[str, float], likeness: Mapping[str, float], known: list[Known]) -> tuple[Diagnosis, ...]:
    """The mistakes that fit, best first. Fingerprints weigh twice as much as outputs, since random outputs never match.

    `scores` comes from `likely`; `likeness` from the audit, for the same mistakes.
    """
    lessons = {mistake.name: mistake.lesson for mistake in known}
    found = [
        Diagnosis(name, lessons[name], round((2 * score + likeness.get(name, 0.0)) / 3, 2)) for name, score in scores.items()
    ]
    return tuple(sorted((d for d in found if d.confidence >= SURE_ENOUGH), key=lambda d: -d.confidence)[:2])
