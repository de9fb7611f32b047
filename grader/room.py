"""The room in which an interview takes place: hears the saves, keeps the clock, grades what was asked for and what is left.

Three threads beside the screen's own, each with a journal of its own: one hears saves, one gives a sign of life every second
and ends a round whose time is up (an editor may have the screen meanwhile), one grades and times what a round left behind.
"""

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from grader.attempt import NoSubmission, Sitting, begun, fresh_stub, is_untouched, read_source, recorded
from grader.catalogue import Card, Exercise, write_whole
from grader.clock import NotTimed, clocked
from grader.database import JournalError
from grader.fingerprints import Fingerprints
from grader.grading import Candidate
from grader.interview import EXTENSION, SILENCE, Copy, Round, Session
from grader.journal import Journal
from grader.listen import Cancelled
from grader.live import Done, Live, News, Noted, saves
from grader.oral import Question, read
from grader.rubric import hint_cost
from grader.sandbox import Sandbox
from grader.twins import GraderError
from grader.verdict import Verdict

TICK = 1.0  # seconds


@dataclass(frozen=True)
class Ticked:
    """A second has passed, or something has happened: the session as it is now."""

    session: Session


@dataclass(frozen=True)
class Kept:
    """A save is in the journal."""

    exercise: Exercise


Told = News | Ticked | Kept


class Room:
    """One session, open. Its methods are for the screen's thread; `tell` is called in several."""

    def __init__(self, sandbox: Sandbox, fingerprints: Fingerprints, number: int, tell: Callable[[Told], object]) -> None:
        self.number, self.sandbox, self.fingerprints, self.tell = number, sandbox, fingerprints, tell
        self.journal = Journal()
        self.session = Session.of(self.journal, number)
        self.copies = {round.exercise: round.ordinal for round in self.session.rounds if round.exercise}
        self.last_saved = {round.ordinal: round.last_save.detail for round in self.session.rounds if round.last_save}
        self._saving = threading.Lock()
        self._stop, self._left_over = threading.Event(), threading.Event()
        self._reopen()
        self.live = Live(sandbox, fingerprints, tell, self._sitting)
        work = (self._hear_saves, self._keep_clock, self._clear_up)
        self._threads = [threading.Thread(target=each, name=each.__name__, daemon=True) for each in work]
        self._saves = saves(list(self.copies), self._stop)
        for thread in self._threads:
            thread.start()
        self._prepare()

    def close(self) -> None:
        """What happened is in the journal; the clock stands still from here."""
        self._stop.set()
        self._left_over.set()
        self.live.close()
        for thread in self._threads:
            thread.join()
        self.journal.close()

    def _sitting(self, exercise: Exercise) -> Sitting:
        return Sitting(self.number, self.copies[exercise])  # type: ignore[index]

    def _reopen(self) -> None:
        """The clock stood still while no screen was open, and a file may have been saved meanwhile."""
        for copy in self.copies:
            copy.stub.parent.mkdir(parents=True, exist_ok=True)
        self._bridge(self.journal)
        round = self.refresh().present
        if round is not None and round.began is not None and round.exercise is not None:
            self._keep(self.journal, round.exercise)
        elif round is not None and round.began is not None and round.asked is None:  # it was killed in between
            self._happened(round, "ask", "0 0")
        self.journal.beat(self.number, "candidate")
        self.refresh()

    def _bridge(self, journal: Journal) -> None:
        """Where nothing was heard of the screen for a while (it was closed, or the computer slept), that was a pause."""
        session = Session.of(journal, self.number)
        round = session.present
        if round is not None and round.began is not None and not round.is_paused and session.now - round.until >= TICK:
            journal.happened(self.number, round.ordinal, "pause", "closed", at=round.until)
            journal.happened(self.number, round.ordinal, "resume", "closed")

    def refresh(self) -> Session:
        self.session = Session.of(self.journal, self.number)
        return self.session

    def take(self, ticked: Ticked) -> None:
        """News of the clock's thread, unless the screen's own thread has seen more since."""
        if len(ticked.session.moments) >= len(self.session.moments):
            self.session = ticked.session

    @property
    def running(self) -> Round | None:
        """The round whose clock runs, as of now."""
        round = self.refresh().present
        return round if round is not None and round.began is not None and not round.is_paused else None

    def _happened(self, round: Round, kind: str, detail: str = "") -> None:
        self.journal.happened(self.number, round.ordinal, kind, detail)
        self.refresh()

    # The course of the session

    def begin(self) -> Round | None:
        """Begin the round that waits. Its stub is there before its clock runs."""
        round = self.refresh().present
        if round is None or round.began is not None:
            return None
        if round.exercise is not None:
            self._lay_out(round.exercise)
        self._happened(round, "begin")
        if round.exercise is None:
            self._happened(round, "ask", "0 0")
        self._prepare()
        return self.session.present

    def _lay_out(self, copy: Copy) -> None:
        """A fresh stub, beside it the brief and what the task gives; a file that is there already is the candidate's."""
        for name in ("README.md", "given.py"):
            if (copy.folder / name).exists():
                shutil.copyfile(copy.folder / name, copy.stub.parent / name)
        if not copy.stub.exists():
            write_whole(copy.stub, fresh_stub(copy))

    def _prepare(self) -> None:
        round = self.session.present
        if round is not None and round.began is not None and round.exercise is not None:
            self.live.prepare(round.exercise)

    def pause(self) -> bool:
        """Or go on; whether it is paused now."""
        round = self.refresh().present
        if round is None or round.began is None:
            return False
        self._happened(round, "resume" if round.is_paused else "pause")
        return not round.is_paused

    def extend(self) -> bool:
        round = self.refresh().present
        if round is None or round.began is None:
            return False
        self._happened(round, "extend", f"{EXTENSION:g}")
        return True

    def finish(self, why: str = "done") -> None:
        """End the round that runs: what was saved last is graded."""
        round = self.refresh().present
        if round is None or round.began is None:
            return
        if round.exercise is not None:
            self._keep(self.journal, round.exercise)
        self._happened(round, "end", why)

    def end(self) -> None:
        """End the whole session early."""
        self.finish("early")
        if not self.refresh().is_over:
            self.journal.happened(self.number, 0, "close")
            self.refresh()

    # Code

    def verdict(self) -> bool:
        """Grade the file as it is, or show its verdict once more; False where no clock runs over code."""
        round = self.running
        if round is None or round.exercise is None:
            return False
        self._keep(self.journal, round.exercise)
        again = self.refresh().rounds[round.ordinal - 1].final
        if again is not None and again.verdict:
            self.tell(Done(round.exercise, Verdict.from_json(again.verdict)))
        else:
            self.live.grade(round.exercise)
        return True

    def next_hint(self) -> tuple[int, int] | None:
        """(number from 0, cost) of the card that comes next; None where there is none."""
        round = self.session.present
        if round is None or round.exercise is None or len(round.hints) >= len(round.exercise.hints):
            return None
        return len(round.hints), hint_cost(len(round.hints), len(round.exercise.hints))

    def hint(self) -> tuple[int, Card] | None:
        """Take it: its number from 0, and the card."""
        round, following = self.running, self.next_hint()
        if round is None or round.exercise is None or following is None:
            return None
        self._happened(round, "hint", str(following[0]))
        return following[0], round.exercise.hints[following[0]]

    # Questions

    def proceed(self) -> str:
        """One step on in an oral round. 'rate' where the answer waits for its rating, 'over' at the end of the round."""
        round = self.running
        if round is None or round.asked is None:
            return ""
        asked = round.asked
        if not self.session.is_watched and not asked.is_revealed:
            self._happened(round, "reveal")
        elif asked.step + 1 < steps(question(round, asked.card)):
            self._happened(round, "ask", f"{asked.card} {asked.step + 1}")
        elif not self.session.is_watched and asked.card not in round.ratings:
            return "rate"
        elif asked.card + 1 < len(round.cards):
            self._happened(round, "ask", f"{asked.card + 1} 0")
        else:
            self.finish()
            return "over"
        return ""

    def rate(self, rating: int) -> bool:
        """Your own rating of the answer, once all of it is revealed."""
        round = self.running
        if round is None or not is_to_rate(round):
            return False
        asked = round.asked
        self._happened(round, "rate", f"{asked.card if asked else 0} {rating}")
        return True

    # The threads

    @contextmanager
    def _own_journal(self) -> Iterator[Journal]:
        journal = Journal()
        try:
            yield journal
        except JournalError as why:
            self.tell(Noted(Exercise(""), str(why)))
        finally:
            journal.close()

    def _hear_saves(self) -> None:
        for copy in self._saves:
            with self._own_journal() as journal:
                if self._keep(journal, copy):  # type: ignore[arg-type]
                    self.tell(Kept(copy))
                    round = Session.of(journal, self.number).present
                    if self.session.live and round is not None and round.exercise == copy and not round.is_paused:
                        self.live.grade(copy)

    def _keep(self, journal: Journal, copy: Copy) -> bool:
        """Store the file as it is, if it is another than last time; the stub, or nothing, is no save."""
        ordinal = self.copies[copy]
        with self._saving:
            try:
                source = read_source(copy.stub)
            except NoSubmission:
                return False
            digest = hashlib.sha256(source).hexdigest()
            before = self.last_saved.get(ordinal) or hashlib.sha256(fresh_stub(copy).encode()).hexdigest()
            if digest == before or not source.strip():  # an editor that empties a file first writes it in a moment
                return False
            journal.saved(self.number, ordinal, source)
            self.last_saved[ordinal] = digest
            return True

    def _keep_clock(self) -> None:
        while not self._stop.wait(TICK):
            with self._own_journal() as journal:
                while not self._stop.wait(TICK):
                    self._tick(journal)

    def _tick(self, journal: Journal) -> None:
        if journal.clock() - journal.pulse(self.number, "candidate")[0] > SILENCE:
            self._bridge(journal)
        journal.beat(self.number, "candidate")
        session = Session.of(journal, self.number)
        round = session.present
        if round is not None and round.began is not None and not round.is_paused and round.left <= 0:
            if round.exercise is not None and round.left > -2 * TICK:  # a save whose news are still on their way
                self._keep(journal, round.exercise)
            at = session.now + round.left if round.left <= -2 * TICK else None
            journal.happened(self.number, round.ordinal, "end", "time", at=at)
            session = Session.of(journal, self.number)
        if session.to_grade or session.to_time:
            self._left_over.set()
        self.tell(Ticked(session))

    def _clear_up(self) -> None:
        """What a round left behind gets its verdict, and what passed its times."""
        while not self._stop.is_set():
            self._left_over.wait()
            self._left_over.clear()
            with self._own_journal() as journal:
                session = Session.of(journal, self.number)
                for round in session.to_grade:
                    self._grade(journal, round)
                for round in Session.of(journal, self.number).to_time:
                    self._time(journal, round)

    def _grade(self, journal: Journal, round: Round) -> None:
        """The last save that counts."""
        while self.live.is_busy and not self._stop.is_set():  # it may be at this very source
            time.sleep(0.1)
        again = Session.of(journal, self.number).rounds[round.ordinal - 1]
        if again.final is not None or again.exercise is None or again.last_save is None or self._stop.is_set():
            return
        copy, source = again.exercise, journal.source(again.last_save.detail)
        candidate, sitting = Candidate(copy, "yours", str(copy.stub), source), Sitting(self.number, round.ordinal)
        if is_untouched(copy, source):
            journal.finish(begun(journal, candidate, sitting), "not_started", "")
            return

        def warn(message: str) -> None:
            self.tell(Noted(copy, message))

        try:
            sandbox = self.sandbox.until(self._stop)
            verdict = recorded(sandbox, candidate, lambda _: None, warn, self.fingerprints, sitting=sitting)
        except Cancelled:  # the screen is left; whoever resumes grades it
            return
        self.tell(Done(copy, verdict))

    def _time(self, journal: Journal, round: Round) -> None:
        copy, final = round.exercise, round.final
        if copy is None or final is None or self._stop.is_set():
            return
        candidate = Candidate(copy, "yours", str(copy.stub), journal.source(final.sha256))
        try:
            times = clocked(self.sandbox.until(self._stop), candidate, growth=True)
            found = json.dumps(asdict(times))
        except Cancelled:
            return
        except (NotTimed, GraderError) as why:
            found = json.dumps({"timings": [], "growth": [], "why": str(why)})
        journal.happened(self.number, round.ordinal, "timed", found)


def question(round: Round, card: int) -> Question | Card:
    """The question in its parts; the bare card where it has not the form of one."""
    exercise, heading = round.cards[card]
    found = next((each for each in Exercise(exercise).questions if each.heading == heading), Card(heading, ""))
    try:
        return read(found)
    except ValueError:
        return found


def steps(asked: Question | Card) -> int:
    return 1 + len(asked.follow_ups) if isinstance(asked, Question) else 1


def is_to_rate(round: Round) -> bool:
    """Whether the answer, and those to its follow-ups, were all revealed."""
    asked = round.asked
    return asked is not None and asked.is_revealed and asked.step + 1 == steps(question(round, asked.card))
