"""What the journal keeps: the types of its rows."""

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Attempt:
    """One graded source. `outcome` is 'started' where the grader was stopped before its verdict."""

    number: int
    exercise: str
    submission: str
    file: str
    sha256: str
    began: float  # seconds since the epoch
    outcome: str
    verdict: dict[str, Any]  # as `Verdict.to_json` wrote it; empty where there is none


class Entry(NamedTuple):
    """An attempt in brief: thousands are read for one screen. `outcome` is 'kept' for an answer that a fresh stub replaced."""

    number: int
    exercise: str
    began: float
    outcome: str
    mistake: str  # the one that the verdict named first; '' for none
    sha256: str


class Event(NamedTuple):
    """`kind`: brief (it was shown), hint, solution (it was shown), review or reset (a fresh stub), restore (an old answer)."""

    exercise: str
    kind: str
    detail: int  # which hint; 0 otherwise
    at: float
    after: int  # the last attempt before it: an order that no clock can upset


class Review(NamedTuple):
    """One rating of a card: of rebuilding an exercise (heading '') or of an oral question."""

    number: int
    exercise: str
    heading: str
    at: float
    rating: str  # again, hard, good or easy
    how: str  # why this rating; for people
    state: str  # of the scheduler, after it
    due: float


class SessionRow(NamedTuple):
    """A mock interview as it was begun; what became of it are its moments."""

    number: int
    title: str
    at: float
    seed: int
    live: int  # 1 where every save is graded


class RoundRow(NamedTuple):
    """One round of a session, in the order of `ordinal`, from 1."""

    ordinal: int
    kind: str  # coding, debugging or oral
    exercise: str  # '' for an oral round
    minutes: float
    weight: float
    cards: str  # of an oral round: JSON, a list of [exercise, heading]


class Moment(NamedTuple):
    """Something that happened in a session: a row at once, never changed."""

    number: int
    round: int  # its ordinal; 0: of the whole session
    at: float
    by: str  # candidate or interviewer
    kind: str
    detail: str
