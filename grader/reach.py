"""Which functions of the solution each property calls: of a change anywhere else it notices nothing, and need not be held."""

from dataclasses import dataclass

from grader.catalogue import Exercise
from grader.sandbox import Sandbox


@dataclass(frozen=True)
class Reach:
    """By property, the functions and methods that it calls; None where that is not known: a costly property is not traced."""

    calls: dict[str, frozenset[str] | None]

    @classmethod
    def of(cls, exercise: Exercise, sandbox: Sandbox) -> "Reach":
        """Raises GraderError."""
        said = sandbox.ask("reach", exercise.name, profile="fingerprint")
        traced = {message["name"]: frozenset(message["calls"]) for message in said if message["event"] == "reach"}
        return cls({name: traced.get(name) for name in exercise.claims})

    def properties(self, *changed: str) -> list[str]:
        """Those that may notice a change of these functions, methods or classes."""
        unseen = [one for one in changed if not any(calls and _any_in(calls, one) for calls in self.calls.values())]
        if unseen:  # called under another name, or by nobody: no property is ruled out
            return list(self.calls)
        return [name for name, calls in self.calls.items() if calls is None or any(_any_in(calls, one) for one in changed)]


def _any_in(calls: frozenset[str], changed: str) -> bool:
    return any(call == changed or call.startswith(f"{changed}.") for call in calls)
