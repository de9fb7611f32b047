"""What the workers of one grading say, and what of it counts.

Those that hold the submission are not trusted: every message may be forged, so only known names and forms count, each name
once, and nothing after the end; whoever says anything else is stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from grader.listen import ENDED
from grader.run import Run, Stopped
from grader.twins import GraderError
from grader.verdict import Audit, PropertyResult
from grader.wire import HEARD_ALL, TEXT_LIMIT, Message


@dataclass
class Testimony:
    """Of a worker that holds the submission. It is done when it says so, and has ended when its process has."""

    outcome: str = ""  # that which ends the grading: raised, forbidden, memory, timeout, crashed, tampered
    message: str = ""
    is_done: bool = False
    has_ended: bool = False

    @property
    def ends_all(self) -> bool:
        """Whether it came to an end for which no audit need be waited."""
        return self.outcome not in ("", "raised")

    def hear_in_common(self, run: Run, message: Message) -> None:
        """What every such worker may say; anything else makes no sense."""
        match message:
            case _ if message is ENDED:
                self.has_ended = True
                if run.stopped and not self.outcome:  # how it ended counts where it had not said so itself
                    self.outcome, self.message = run.stopped.outcome, str(run.stopped)
            case {"event": "locked" | "loaded"} if not self.is_done:
                return
            case {"event": "raised" | "forbidden" | "memory" as outcome, "message": str(text)} if not self.is_done:
                self.outcome, self.message = outcome, _line(text)
            case {"event": "broken", "message": str(text)} if not self.is_done:
                self.outcome, self.message = "crashed", _line(text.strip().rpartition("\n")[2])
            case _:
                event = message.get("event")
                name = _line(event)[:80] if isinstance(event, str) else "no event"
                run.stop(Stopped("tampered", f"the worker sent what makes no sense here: {name}"))


@dataclass
class Witness(Testimony):
    """Of a worker that holds some of the properties; `patience` are CPU seconds for each."""

    results: dict[str, PropertyResult] = field(default_factory=dict)
    patience: Mapping[str, float] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    running: str | None = None
    reported: set[str] = field(default_factory=set)

    @property
    def is_whole(self) -> bool:
        return self.is_done and len(self.reported) == len(self.results)

    def hear(self, run: Run, message: Message) -> PropertyResult | None:
        """The result that is reported, if one is."""
        match message:
            case {"event": "started", "name": str(name)} if not self.is_done and name in self.results.keys() - self.begun:
                self.begun.add(name)
                self.running = name
                run.allow(self.patience[name])
            case {
                "event": "property", "name": str(name), "outcome": "passed" | "failed" | "error" | "not_run" as outcome,
                "seconds": float(seconds), "message": str(text), "counterexample": str(counterexample),
            } if self._awaits(name, outcome):  # fmt: skip
                claim, seconds = self.results[name].claim, seconds if 0 <= seconds < 1e6 else 0.0
                result = PropertyResult(name, claim, outcome, seconds, _plain(text[:2000]), _plain(counterexample[:TEXT_LIMIT]))
                self.results[name], self.running = result, None
                self.reported.add(name)
                return result
            case {"event": "done"} if not self.is_done:
                self.is_done = True
            case _:
                self.hear_in_common(run, message)
                if self.outcome == "timeout" and self.running:
                    late = self.results[self.running]
                    self.results[late.name] = PropertyResult(late.name, late.claim, "timeout", message=self.message)
        return None

    def _awaits(self, name: str, outcome: str) -> bool:
        """Whether this may be reported now: once per property, and after its start if it was run."""
        is_new = not self.is_done and name in self.results.keys() - self.reported
        return is_new and (outcome == "not_run" or name == self.running)


@dataclass
class Deposition(Testimony):
    """Of the audit's worker: its answers, still packed, to what `seeds` draw."""

    seeds: list[int] = field(default_factory=list)
    packed: list[tuple[Message, bytes]] = field(default_factory=list)
    is_ready: bool = False

    def hear(self, run: Run, message: Message, body: bytes) -> None:
        """What is kept to be compared is written anew."""
        may_answer = self.is_ready and not self.is_done
        match message:
            case {"event": "ready"} if not self.is_ready and not self.is_done:
                self.is_ready = True
                run.say({"seeds": self.seeds})
            case {"event": "answer", "workload": str(workload), "seed": int(seed), "error": str(error)} if may_answer:
                self.packed.append(({"event": "answer", "workload": workload, "seed": seed, "error": _line(error)}, b""))
            case {
                "event": "output", "name": str(name), "dtype": str(dtype), "shape": [*shape], "problem": str(problem),
            } if may_answer and all(type(length) is int for length in shape):  # fmt: skip
                output = {"event": "output", "name": name, "dtype": dtype, "shape": shape, "problem": _line(problem)}
                self.packed.append((output, body))
            case {"event": "done"} if may_answer or (self.outcome and not self.is_done):
                self.is_done = True
            case _:
                self.hear_in_common(run, message)

    def relay(self, trusted: Run) -> None:
        """Hand the answers over once there will be no more."""
        if self.has_ended:
            for message, body in self.packed:
                trusted.say(message, body)
            trusted.say(HEARD_ALL)


@dataclass
class Comparison:
    """Of the trusted worker: what it made of the answers."""

    differences: list[Message] = field(default_factory=list)
    likeness: dict[str, float] = field(default_factory=dict)
    is_done: bool = False

    def hear(self, run: Run, message: Message) -> None:
        """Raises GraderError."""
        match message["event"]:
            case "differs":
                self.differences.append(message)
            case "likeness":
                self.likeness[message["mistake"]] = message["share"]
            case "compared":
                self.is_done = True
            case "broken" if "ProtocolError" in message["message"]:
                nonsense = {"workload": "", "output": "", "detail": "replies that make no sense", "seed": 0}
                self.differences, self.is_done = [nonsense], True
            case "broken":
                raise GraderError(message["message"])
            case "ended" if not self.is_done:
                raise GraderError(f"the trusted worker stopped: {run.stopped}")

    def audit(self, deposition: Deposition) -> Audit:
        if not (deposition.is_done and self.is_done):
            return Audit("not_run", deposition.message)
        if not self.differences:
            return Audit("agreed")
        first = self.differences[0]
        output = f", output {first['output']!r}" if first["output"] else ""
        return Audit("differed", f"workload {first['workload']} (seed {first['seed']}){output}: {first['detail']}")


def _plain(text: str) -> str:
    """Text that can be written in UTF-8."""
    return text.encode(errors="replace").decode()


def _line(text: str) -> str:
    return " ".join(_plain(text[:2000]).split())
