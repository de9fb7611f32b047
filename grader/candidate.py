"""The candidate's screen: brief and clock, a verdict or a hint on request, questions with their follow-ups."""

from collections.abc import Callable
from typing import ClassVar, TypeVar

from rich.console import RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

from grader import pages, render
from grader.catalogue import Card, Exercise, exercises
from grader.database import JournalError
from grader.fingerprints import Fingerprints
from grader.fullscreen import FullScreen, Told, verdict_parts
from grader.interview import Round, Session
from grader.journal import Journal
from grader.live import Began, Done, Heard, Idle, Noted
from grader.room import Kept, Room, Ticked, is_to_rate, question
from grader.sandbox import Sandbox
from grader.scorecard import Scorecard
from grader.verdict import PropertyResult, Verdict

IN_CODE = ("verdict", "hint", "brief", "edit")
IN_ROUND = ("pause", "extend")
T = TypeVar("T")


class Candidate(FullScreen):
    """All that it shows follows from the session's rows; between two ticks it keeps only what is being graded."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "verdict", "Verdict"),
        Binding("h", "hint", "Hint"),
        Binding("b", "brief", "Brief"),
        Binding("e", "edit", "Edit"),
        Binding("space", "proceed", "Go on", priority=True),
        Binding("p", "pause", "Pause"),
        Binding("x", "extend", "+5 min"),
        Binding("n", "next", "Next"),
        Binding("E", "end", "End", key_display="E"),
        Binding("q", "quit", "Leave"),
        *(Binding(str(number), f"rate({number})", show=False) for number in (1, 2, 3, 4)),
    ]

    def __init__(self, sandbox: Sandbox, fingerprints: Fingerprints, number: int) -> None:
        super().__init__()
        self.sandbox, self.fingerprints, self.number = sandbox, fingerprints, number
        self.results: dict[str, PropertyResult] = {}
        self.given: Verdict | None = None
        self.to_confirm = ""
        self.seen: object = None  # what the body was drawn from

    def compose(self) -> ComposeResult:
        yield Static(id="clock")
        yield from self.pane()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.room = Room(self.sandbox, self.fingerprints, self.number, lambda news: self.post_message(Told(news)))
        self.draw()

    def on_unmount(self) -> None:
        self.room.close()

    @property
    def session(self) -> Session:
        return self.room.session

    @property
    def round(self) -> Round | None:
        return self.session.present

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing now are not in the footer."""
        round = self.round if hasattr(self, "room") else None
        runs = round is not None and round.began is not None and not round.is_paused
        if action in IN_CODE:
            return runs and round is not None and round.exercise is not None
        if action in ("proceed", "rate"):
            return runs and round is not None and round.exercise is None
        if action in IN_ROUND:
            return round is not None and round.began is not None
        return round is not None if action in ("next", "end") else True

    # What is heard

    def on_told(self, told: Told) -> None:
        news = told.news
        if not self.is_there:
            return
        if isinstance(news, Ticked):
            self.room.take(news)
            self.draw()
        elif isinstance(news, Noted):
            self.notify(render.clean(news.message), severity="warning")
        elif self.round is not None and news.exercise == self.round.exercise:
            self._hear(news)

    def _hear(self, news: Kept | Began | Heard | Done | Idle) -> None:
        match news:
            case Kept():
                if not self.session.live:
                    self.notify("saved and kept; v asks for a verdict", timeout=2)
            case Began():
                self.results, self.given = {}, None
                self.action_verdict_shown()
            case Heard(result=result):
                self.results[result.name] = result
                self.action_verdict_shown()
            case Done(verdict=verdict):
                self.given = verdict
                self.action_verdict_shown()
            case Idle(message=message):
                self.notify(message)

    # What is shown

    def draw(self) -> None:
        """The clock; and the body, where it stands for something else than before."""
        self.query_one("#clock", Static).update(clock_line(self.session, self.size.width - 2))
        now = self._stands_for()
        if now != self.seen:
            self.seen = now
            self.results, self.given, self.to_confirm = {}, None, ""
            self.refresh_bindings()
            self._draw_body()

    def _stands_for(self) -> object:
        round = self.round
        if round is None:
            return "over", len(self.session.to_grade), len(self.session.to_time)
        waiting = len(self.session.to_grade) if round.began is None else 0
        asked = (round.asked, len(round.ratings), self.session.is_watched) if round.exercise is None else ()
        return round.ordinal, round.began, round.is_paused, asked, waiting

    def _draw_body(self) -> None:
        round = self.round
        if round is None:
            self.show(Text("The interview is over", style="bold"), *outcome(self.number))
        elif round.began is None:
            self.show(Text(f"Round {round.ordinal} of {len(self.session.rounds)}", style="bold"), *before(self.session, round))
        elif round.is_paused:
            self.show(Text("Paused", style="bold"), "The clock stands still, and the task is hidden. p goes on.")
        elif round.exercise is not None:
            self.action_brief()
        else:
            self.show(*asked_parts(round, self.session.is_watched))
        self.to_top()

    def action_brief(self) -> None:
        round = self.round
        if round is None or round.exercise is None:
            return
        where = Text(f"edit {render.path(round.exercise.stub)} and save it, or press e", style="dim")
        self.show(Text(round.title, style="bold"), where, Markdown(round.exercise.brief.split("\n", 1)[1]))
        self.to_top()

    def action_verdict_shown(self) -> None:
        round = self.round
        if round is not None and round.exercise is not None:
            self.show(Text(round.title, style="bold"), *verdict_parts(round.exercise, self.results.values(), self.given))

    # What is asked for

    def _do(self, action: Callable[[], T]) -> T | None:
        """None where the journal can't be used; a line says so."""
        try:
            found = action()
        except JournalError as why:
            self.notify(str(why), severity="error")
            return None
        self.draw()
        return found

    def _confirmed(self, what: str, question: str) -> bool:
        """Whether the same key was pressed before it."""
        if self.to_confirm == what:
            self.to_confirm = ""
            return True
        self.to_confirm = what
        self.notify(question)
        return False

    def action_verdict(self) -> None:
        self._do(self.room.verdict)

    def action_hint(self) -> None:
        following = self.room.next_hint()
        if following is None:
            self.notify("that was the last hint")
            return
        number, cost = following
        if not self._confirmed(f"hint {number}", f"hint {number + 1} costs {cost} of the round's 100 points; h again takes it"):
            return
        taken = self._do(self.room.hint)
        if taken and self.round and self.round.exercise:
            title = f"Hint {taken[0] + 1} of {len(self.round.exercise.hints)}"
            cards = [self.round.exercise.hints[each] for each in self.round.hints[:-1]]
            earlier = [render.card_panel(card, "Earlier") for card in reversed(cards)]
            self.show(Text("b: back to the brief", style="dim"), render.card_panel(taken[1], title), *earlier)
            self.to_top()

    def action_edit(self) -> None:
        if self.round and self.round.exercise:
            self.edit(self.round.exercise.stub)

    def action_proceed(self) -> None:
        if self._do(self.room.proceed) == "rate":
            self.notify("rate your answer first: 1, 2, 3 or 4")

    def action_rate(self, rating: int) -> None:
        round = self.round
        if round and is_to_rate(round) and not self.session.is_watched and self._do(lambda: self.room.rate(rating)):
            self._do(self.room.proceed)

    def action_pause(self) -> None:
        self._do(self.room.pause)

    def action_extend(self) -> None:
        self._do(self.room.extend)

    def action_next(self) -> None:
        if self.round is not None and self.round.began is None:
            self._do(self.room.begin)
        elif self._confirmed("next", "n again ends this round" + ("; your last save is graded" if self._has_code() else "")):
            self._do(self.room.finish)

    def _has_code(self) -> bool:
        return self.round is not None and self.round.exercise is not None

    def action_end(self) -> None:
        if self._confirmed("end", "E again ends the whole interview"):
            self._do(self.room.end)


def clock_line(session: Session, width: int) -> Text:
    """Where you are on the left, the time that is left on the right."""
    round = session.present
    if round is None:
        return Text(f"Interview {session.number}: {session.title}", style="bold")
    left = Text.assemble((f"{session.title}, round {round.ordinal} of {len(session.rounds)}", "bold"), f"  {round.kind}")
    right = Text(pages.clock(round), style=pages.clock_style(round))
    signs = [
        "live" if session.live else "",
        "with interviewer" if session.is_watched else "",
        f"{len(round.hints)} hint{'s' if len(round.hints) > 1 else ''}" if round.hints else "",
    ]
    told = "  ".join(filter(None, signs))
    left.append(f"  {told}" if told else "", style="dim")
    left.truncate(max(0, width - len(right) - 2), overflow="ellipsis")
    return Text.assemble(left, " " * max(1, width - len(left) - len(right)), right)


def before(session: Session, round: Round) -> list[RenderableType]:
    """What comes, and what there is of the rounds before."""
    what = f"{round.kind}: {round.title}" if round.exercise is None else round.kind
    parts: list[RenderableType] = [
        f"{what}, {round.row.minutes:g} minutes.",
        "",
        Text(
            "n begins it, and its clock. p pauses it, x extends it, q leaves it and `grader interview --resume` goes on.", "dim"
        ),
    ]
    done = [each for each in session.rounds if each.ended is not None]
    for each in done:
        waits = each in session.to_grade
        said = "is being graded" if waits else (each.final.outcome.replace("_", " ") if each.final else "over")
        parts.append(Text(f"Round {each.ordinal}, {each.kind}: {said}", style="dim"))
    return parts


def asked_parts(round: Round, is_watched: bool) -> list[RenderableType]:
    """The question that is asked, how deep its chain is, and what has been revealed of it."""
    asked = round.asked
    if asked is None:
        return [Text(round.title), ""]
    card = question(round, asked.card)
    head = Text(f"Question {asked.card + 1} of {len(round.cards)}", style="bold")
    if isinstance(card, Card):
        text, answer = card.heading, card.body
    elif asked.step == 0:
        text, answer = card.question, f"{card.answer}\n\n*Listen for:* {card.listen_for}"
    else:
        text, answer = card.follow_ups[asked.step - 1].question, card.follow_ups[asked.step - 1].answer
    parts: list[RenderableType] = [head]
    if asked.step:
        parts.append(Text(round.cards[asked.card][1], style="dim"))
    parts.append(Panel(Text(text, style="bold"), title=f"follow-up {asked.step}" if asked.step else None, title_align="left"))
    if asked.is_revealed and not is_watched:
        parts.append(Markdown(answer))
    return [*parts, "", *_what_now(round, is_watched)]


def _what_now(round: Round, is_watched: bool) -> list[RenderableType]:
    if is_watched:
        return [Text("Answer aloud; the interviewer listens. Space goes on.", style="dim")]
    if is_to_rate(round):
        return [pages.anchors(action="app.rate"), Text("Rate your answer with 1 to 4, and go on.", style="italic")]
    asked = round.asked
    said = "goes on to the follow-up" if asked and asked.is_revealed else "shows a model answer"
    return [Text(f"Answer aloud. Space {said}.", style="dim")]


def outcome(number: int) -> list[RenderableType]:
    """The scorecard in short."""
    try:
        card = Scorecard.of(Journal(), number, list[Exercise](exercises()))
    except JournalError as why:
        return [Text(str(why), style="red")]
    parts: list[RenderableType] = [pages.scorecard_table(card), ""]
    if card.waiting:
        parts.append(Text("grading and timing what is left; stay for a minute, or `--resume` later ...", style="italic"))
    parts += [
        Text(f"grader report {number} --html   writes the scorecard; also --md and --json"),
        Text("q leaves", style="dim"),
    ]
    return parts
