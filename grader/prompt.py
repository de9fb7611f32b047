"""`interview --plain`: the candidate's session line by line, for pipes, dumb terminals and screen readers."""

import queue
import sys
import threading

from grader import pages, render
from grader.catalogue import Card, exercises
from grader.fingerprints import Fingerprints
from grader.interview import Round, minutes
from grader.journal import Journal
from grader.live import Began, Done, Heard, Idle, Noted
from grader.room import Kept, Room, Ticked, Told, question
from grader.sandbox import Sandbox
from grader.scorecard import Scorecard

HELP = "verdict, hint, brief, go (reveal, follow-up), 1-4 (rate), pause, extend, next, end, time, leave"
PAUSE = 0.1  # seconds between two looks


class Prompt:
    """Reads commands, one a line; the end of the input leaves the session, which can be resumed."""

    def __init__(self, sandbox: Sandbox, fingerprints: Fingerprints, number: int) -> None:
        self.news: queue.Queue[Told | str | None] = queue.Queue()
        self.room = Room(sandbox, fingerprints, number, self.news.put)
        self.seen: object = None
        self.grading = self.ended = False
        threading.Thread(target=self._read, name="commands", daemon=True).start()

    def run(self) -> None:
        render.say(f"interview {self.room.number}; commands: {HELP}")
        try:
            self._tell_where()
            while not self._is_done():
                self._hear(self.news.get())
                self._tell_where()
                render.console.file.flush()
        except KeyboardInterrupt:
            render.say("")
        finally:
            self.room.close()
            if not self.room.session.is_over:
                render.say(f"left; `grader interview --resume {self.room.number}` goes on")

    def _is_done(self) -> bool:
        session = self.room.session
        waits = session.to_grade or session.to_time or self.grading
        return (self.ended and not self.grading and not session.is_over) or (session.is_over and not waits)

    def _read(self) -> None:
        for line in sys.stdin:
            self.news.put(line.strip().lower())
        self.news.put(None)

    def _hear(self, news: Told | str | None) -> None:
        match news:
            case None:
                self.ended = True
            case str(command):
                self._do(command)
            case Ticked():
                self.room.take(news)
            case Kept(exercise):
                render.say(f"saved: {render.path(exercise.stub)}")
            case Began(exercise):
                self.grading = True
                render.heading(exercise, render.path(exercise.stub))
            case Heard(_, result):
                render.property_line(result)
            case Done(_, verdict):
                self.grading = False
                render.verdict(verdict, properties_shown=True)
            case Idle(_, message):
                self.grading = False
                render.say(message)
            case Noted(_, message):
                render.warn(message)

    def _do(self, command: str) -> None:
        room = self.room
        match command:
            case "":
                return
            case "verdict" | "v":
                self.grading = room.verdict() or self.grading
            case "hint" | "h":
                self._hint()
            case "brief" | "b":
                self.seen = None
            case "go" | "g" if room.proceed() == "rate":
                render.say("rate your answer: 1 to 4")
                render.console.print(pages.anchors())
            case "1" | "2" | "3" | "4" if room.rate(int(command)):
                room.proceed()
            case "pause" | "p":
                render.say("paused" if room.pause() else "the clock runs")
            case "extend" | "x":
                room.extend()
                self._time()
            case "next" | "n":
                if room.begin() is None:
                    room.finish()
            case "end":
                room.end()
            case "time" | "t":
                self._time()
            case "leave" | "q":
                self.ended = True
            case "go" | "g":
                return
            case _:
                render.say(f"no command {command!r}: {HELP}")

    def _time(self) -> None:
        round = self.room.refresh().present
        render.say(pages.clock(round) if round else "the interview is over")

    def _hint(self) -> None:
        following, taken = self.room.next_hint(), self.room.hint()
        if following is None or taken is None:
            render.say("there is no hint now")
            return
        render.card(taken[1], f"Hint {taken[0] + 1}, which costs {following[1]} points")

    def _tell_where(self) -> None:
        """What the session has come to, where it has come to something new."""
        session = self.room.session
        round = session.present
        now = (round.ordinal, round.began, round.asked) if round else ("over", bool(session.to_grade or session.to_time))
        if now == self.seen:
            return
        self.seen = now
        if round is None:
            self._tell_end()
        elif round.began is None:
            what = f"{round.kind}, {pages.clock(round)}"
            render.say(f"\nround {round.ordinal} of {len(session.rounds)}: {what}; `next` begins it")
        elif round.exercise is not None:
            render.brief(round.exercise)
            render.say(f"\nedit {render.path(round.exercise.stub)}; {pages.clock(round)}")
        else:
            self._tell_question(round)

    def _tell_question(self, round: Round) -> None:
        asked = round.asked
        if asked is None:
            return
        card = question(round, asked.card)
        if isinstance(card, Card):
            text, answer = card.heading, card.body
        elif asked.step == 0:
            text, answer = card.question, card.answer
        else:
            text, answer = card.follow_ups[asked.step - 1].question, card.follow_ups[asked.step - 1].answer
        step = f", follow-up {asked.step}" if asked.step else ""
        render.say(f"\nanswer: {answer}" if asked.is_revealed else f"\nquestion {asked.card + 1}{step}: {text}")

    def _tell_end(self) -> None:
        if self.room.session.to_grade or self.room.session.to_time:
            render.say("\nthe interview is over; grading and timing what is left ...")
            return
        card = Scorecard.of(self.room.journal, self.room.number, exercises())
        render.console.print("", pages.scorecard_table(card))
        render.say(f"\ngrader report {self.room.number} --html")


def follow(number: int, stop: threading.Event) -> None:
    """`interview --watch --plain`: what happens, a line each, until the session is over."""
    journal, told = Journal(), 0
    while not stop.wait(PAUSE):
        journal.beat(number, "interviewer")
        card = Scorecard.of(journal, number, exercises())
        lines = [
            f"round {round.ordinal}  {minutes(event.clock):>6}  {event.what}"
            for round in card.rounds
            for event in round.timeline
        ]
        for line in lines[told:]:
            render.say(line)
        told = len(lines)
        render.console.file.flush()
        if card.finished and not card.waiting:
            return
        stop.wait(1.0)
