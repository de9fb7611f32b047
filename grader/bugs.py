"""Which planted bugs a submission still has: each has properties of its own, which it breaks and no other bug does."""

from collections.abc import Set
from dataclasses import replace

from grader.catalogue import TOGETHER
from grader.diagnose import Known
from grader.verdict import HELD_BEFORE, PropertyResult, Verdict


def own_properties(known: list[Known]) -> dict[str, frozenset[str]]:
    """Each bug's own; `known` holds every set of the bugs with what it breaks."""
    alone = {one.name: one.fingerprint for one in known if TOGETHER not in one.name}
    shared = lambda name: frozenset[str]().union(*(mine for other, mine in alone.items() if other != name))
    return {name: mine - shared(name) for name, mine in alone.items()}


def left(broken: Set[str], known: list[Known]) -> list[str]:
    """The bugs whose own properties are broken, wholly or in part."""
    return [name for name, mine in own_properties(known).items() if mine & broken]


def counted(found: Verdict, known: list[Known]) -> Verdict:
    """The verdict with how many bugs are mended, never which, and with what held before the learner's change."""
    if all(result.outcome == "not_run" for result in found.properties):
        return found  # it could not be loaded, and nothing is known of its bugs
    unproven = {result.name for result in found.properties if result.outcome != "passed"}
    bugs, still = own_properties(known), left(unproven, known)
    harmed = found.fingerprint - _expected(list(bugs), known) - _expected(still, known)
    results = tuple(_marked(result) if result.name in harmed else result for result in found.properties)
    message = f"{_progress(len(bugs), len(still))}; {found.message}"
    if harmed:
        names = [result.name for result in found.properties if result.name in harmed]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        message += f"; {HELD_BEFORE}: {names[0]}{more}"
    return found.but(message=message, properties=results)


def _expected(bugs: list[str], known: list[Known]) -> frozenset[str]:
    """What these bugs break together."""
    return next((one.fingerprint for one in known if one.name == TOGETHER.join(bugs)), frozenset())


def _progress(bugs: int, still: int) -> str:
    if bugs == 1:
        return "the bug is still there" if still else "the bug is mended"
    if still == 0:
        return f"all {bugs} bugs are mended"
    return f"{bugs - still} of {bugs} bugs {'is' if bugs - still == 1 else 'are'} mended, {still} left"


def _marked(result: PropertyResult) -> PropertyResult:
    return replace(result, message=f"{HELD_BEFORE}; {result.message}")
