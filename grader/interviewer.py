"""The interviewer's screen: follows a session through the journal and the session's folder, and writes scores and notes."""

from collections.abc import Callable
from typing import ClassVar

from rich.console import RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from grader import pages, render
from grader.attempt import NoSubmission, read_source
from grader.catalogue import Card, exercises
from grader.database import JournalError
from grader.fullscreen import FullScreen, verdict_parts
from grader.interview import EXTENSION, Round, Session, minutes
from grader.journal import Journal
from grader.oral import Question, read
from grader.room import question
from grader.rubric import DIMENSIONS, SCORES
from grader.scorecard import Scorecard
from grader.verdict import Verdict

LOOK = 1.0  # seconds between two looks
VIEWS = ("file", "verdicts", "reference", "questions", "score", "timeline", "brief")


class Interviewer(FullScreen):
    """Writes rows of its own, and never into the candidate's folder."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "view('file')", "File"),
        Binding("v", "view('verdicts')", "Verdict"),
        Binding("r", "view('reference')", "Reference"),
        Binding("l", "view('questions')", "Listen"),
        Binding("s", "view('score')", "Score"),
        Binding("t", "view('timeline')", "Log"),
        Binding("b", "view('brief')", "Brief"),
        Binding("m", "note", "Note"),
        Binding("x", "extend", "+5"),
        Binding("q", "quit", "Leave"),
        Binding("left,left_square_bracket", "round(-1)", "Earlier round", show=False),
        Binding("right,right_square_bracket", "round(1)", "Later round", show=False),
        Binding("escape", "no_note", "No note", show=False),
        *(Binding(str(number), f"score({number})", show=False) for number in SCORES),
    ]

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.journal = number, Journal()
        self.session = Session.of(self.journal, number)
        self.chosen_view: str | None = None  # as long as none is chosen, what suits the round
        self.ordinal: int | None = None  # the round that is looked at; None follows the candidate
        self.drawn: object = None

    def compose(self) -> ComposeResult:
        yield Static(id="clock")
        yield OptionList(*(Option(dimension.name, id=dimension.name) for dimension in DIMENSIONS), id="dimensions")
        yield from self.pane()
        yield Input(placeholder="a note; Enter keeps it, Escape drops it", id="note")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.query_one("#dimensions").display = False
        self.look()
        self.set_interval(LOOK, self.look)

    def on_unmount(self) -> None:
        self.journal.close()

    @property
    def round(self) -> Round:
        """The one that is looked at: chosen, or present, or the last."""
        if self.ordinal is not None:
            return self.session.rounds[self.ordinal - 1]
        return self.session.present or self.session.rounds[-1]

    @property
    def view(self) -> str:
        return self.chosen_view or ("file" if self.round.exercise is not None else "questions")

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except JournalError as why:
            self.notify(str(why), severity="error")

    def look(self) -> None:
        """At the journal and at the candidate's file; what stays the same is not drawn again."""
        if self.is_there:
            self._do(self._look)

    def _look(self) -> None:
        self.journal.beat(self.number, "interviewer")
        self.session = Session.of(self.journal, self.number)
        self.query_one("#clock", Static).update(self._clock())
        source = self._source() if self.view == "file" else ""
        attempts = [attempt.outcome for attempt in self.round.attempts]
        stands_for = (self.view, self.round.ordinal, self.session.is_over, len(self.session.moments), attempts, source)
        if stands_for != self.drawn:
            self.drawn = stands_for
            self._draw()

    def _clock(self) -> Text:
        """Two lines: where the candidate is, and each round's time."""
        session, present = self.session, self.session.present
        state = "over" if present is None else "waits for n" if present.began is None else pages.clock(present)
        closed = "" if session.is_open or session.is_over else "  the candidate's screen is closed"
        style = pages.clock_style(present) if present else "bold"
        first = Text.assemble(
            (f"Session {session.number}: {session.title}", "bold"), "  ", (state, style), (closed, "bold red")
        )
        times = Text("\n")
        for round in session.rounds:
            here = round.ordinal == self.round.ordinal
            scored = f" [{'·'.join(str(score) for score in round.scores.values())}]" if round.scores else ""
            text = f"{round.ordinal} {round.row.exercise or 'oral'} {minutes(round.used)}/{round.row.minutes:g}{scored}"
            times.append(text, style="reverse" if here else "dim").append("  ")
        return first.append_text(times)

    # What is shown

    def _draw(self) -> None:
        view = self.view
        self.query_one("#dimensions").display = view == "score"
        if view == "score":
            self._fill_dimensions()
        parts = {
            "file": self._file, "verdicts": self._verdicts, "reference": self._reference, "questions": self._questions,
            "score": self._score, "timeline": self._timeline, "brief": self._brief,
        }[view]()  # fmt: skip
        self.show(Text(f"Round {self.round.ordinal}, {self.round.kind}: {self.round.title}", style="bold"), *parts)

    def _source(self) -> str:
        """The candidate's file as it is; '' where there is none."""
        if self.round.exercise is None:
            return ""
        try:
            return read_source(self.round.exercise.stub).decode(errors="replace")
        except NoSubmission:
            return ""

    def _file(self) -> list[RenderableType]:
        if self.round.exercise is None:
            return [Text("a round of questions: l shows them", style="dim")]
        source, save = self._source(), self.round.last_save
        told = f"last save at {minutes(self.round.clock_at(save.at))}" if save else "not saved yet"
        return [Text(told if source else "the round has not begun", style="dim"), code(render.clean(source))]

    def _verdicts(self) -> list[RenderableType]:
        if self.round.exercise is None:
            return [Text("nothing is graded in a round of questions", style="dim")]
        lines = [Text(f"{minutes(self.round.clock_at(each.began))}  {each.outcome}") for each in self.round.attempts]
        last = self.round.verdicts[-1] if self.round.verdicts else None
        if last is None or not last.verdict:
            return [*lines, Text("" if lines else "no verdict yet", style="dim")]
        return [*lines, "", *verdict_parts(self.round.exercise, (), Verdict.from_json(last.verdict))]

    def _reference(self) -> list[RenderableType]:
        if self.round.exercise is None:
            return self._questions()
        return [code(self.round.exercise.solution.read_text(encoding="utf-8"))]

    def _brief(self) -> list[RenderableType]:
        if self.round.exercise is None:
            return self._questions()
        hints = [render.card_panel(card, f"Hint {number}") for number, card in enumerate(self.round.exercise.hints, 1)]
        return [Markdown(self.round.exercise.brief.split("\n", 1)[1]), *hints]

    def _questions(self) -> list[RenderableType]:
        """In an oral round, the one that is asked now with all that belongs to it; beside code, all of the exercise."""
        round = self.round
        if round.exercise is not None:
            return [part for card in round.exercise.questions for part in heard(card)]
        asked, parts = round.asked, list[RenderableType]()
        for number, (_, heading) in enumerate(round.cards):
            if asked is not None and asked.card == number:
                parts += [
                    *now_asked(question(round, number), asked.step),
                    pages.anchors(chosen=round.ratings.get(number), action="app.score"),
                ]
                parts += ["", *heard_question(question(round, number))]
            else:
                rated = f"  {round.ratings[number]} of 4" if number in round.ratings else ""
                parts.append(Text(f"{number + 1}. {heading}{rated}", style="dim"))
        return parts

    def _score(self) -> list[RenderableType]:
        dimension = DIMENSIONS[self._highlighted()]
        chosen = self.round.scores.get(dimension.name)
        return [Text(f"{dimension.name}: press or click 1 to 4", style="italic"), pages.anchors(dimension, chosen, "app.score")]

    def _timeline(self) -> list[RenderableType]:
        card = Scorecard.of(self.journal, self.number, exercises())
        lines = [
            Text(f"{round.ordinal}  {minutes(event.clock):>6}  {render.clean(event.what)}")
            for round in card.rounds
            for event in round.timeline
        ]
        notes = [
            Text(f"note: {render.clean(note.detail)}", style="italic") for note in self.session.moments if note.kind == "note"
        ]
        return [pages.scorecard_table(card), "", *lines, *notes]

    def _highlighted(self) -> int:
        return self.query_one(OptionList).highlighted or 0

    def _fill_dimensions(self) -> None:
        """With the scores that were given; what is highlighted stays so."""
        options = self.query_one(OptionList)
        for dimension in DIMENSIONS:
            score = self.round.scores.get(dimension.name)
            options.replace_option_prompt(dimension.name, f"{dimension.name:<14} {f'{score} of 4' if score else '-'}")
        if options.highlighted is None:
            options.highlighted = 0

    def on_option_list_option_highlighted(self) -> None:
        if self.view == "score":
            self._draw_again()

    def _draw_again(self) -> None:
        self.drawn = None
        self.look()

    # What is written

    def action_view(self, view: str) -> None:
        self.chosen_view = view
        self._draw_again()
        self.query_one("#pane").scroll_home(animate=False)
        self.set_focus(self.query_one(OptionList) if view == "score" else None)

    def action_round(self, step: int) -> None:
        """Beyond the present round, it follows the candidate again."""
        now = self.round.ordinal + step
        present = self.session.present
        is_present = present is not None and now == present.ordinal
        self.ordinal = None if is_present else min(max(now, 1), len(self.session.rounds))
        self.chosen_view = self.chosen_view if self.chosen_view in ("score", "timeline") else None
        self._draw_again()

    def action_score(self, score: int) -> None:
        round = self.round
        if self.view == "score":
            options, at = self.query_one(OptionList), self._highlighted()
            self._write("score", f"{DIMENSIONS[at].name} {score}")
            options.highlighted = min(at + 1, len(DIMENSIONS) - 1)
        elif self.view == "questions" and round.asked is not None:
            self._write("rate", f"{round.asked.card} {score}")
        else:
            self.notify("s scores the round, l rates an answer")
        self._draw_again()

    def _write(self, kind: str, detail: str) -> None:
        of_all = kind == "note" and self.session.is_over and self.ordinal is None  # said afterwards, of the whole session
        ordinal = 0 if of_all else self.round.ordinal
        self._do(lambda: self.journal.happened(self.number, ordinal, kind, detail, "interviewer"))

    def action_extend(self) -> None:
        present = self.session.present
        if present is not None and present.began is not None:
            detail = f"{EXTENSION:g}"
            self._do(lambda: self.journal.happened(self.number, present.ordinal, "extend", detail, "interviewer"))
            self._draw_again()

    def action_note(self) -> None:
        note = self.query_one(Input)
        note.display = True
        note.focus()

    def action_no_note(self) -> None:
        note = self.query_one(Input)
        note.value, note.display = "", False
        self.set_focus(self.query_one(OptionList) if self.view == "score" else None)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        text = " ".join(submitted.value.split())
        if text:
            self._write("note", text)
            self.notify("noted", timeout=1)
        self.action_no_note()
        self._draw_again()


def code(source: str) -> Syntax:
    return Syntax(source, "python", theme="ansi_dark", background_color="default", word_wrap=True, line_numbers=True)


def heard(card: Card) -> list[RenderableType]:
    """A card with all that an interviewer needs; the bare card where it has not the form of a question."""
    try:
        return heard_question(read(card))
    except ValueError:
        return [render.card_panel(card, "Question")]


def now_asked(asked: Question | Card, step: int) -> list[RenderableType]:
    """Where the chain is; the answer is rated beside it."""
    follow_up = asked.follow_ups[step - 1].question if isinstance(asked, Question) and step else ""
    where = f"follow-up {step}: {follow_up}" if follow_up else "the question itself"
    return [Text.assemble(("now: ", "bold"), where), Text("rate the answer with 1 to 4", style="italic")]


def heard_question(asked: Question | Card) -> list[RenderableType]:
    if isinstance(asked, Card):
        return [render.card_panel(asked, "Question")]
    parts: list[RenderableType] = [
        Panel(Text(asked.question, style="bold")),
        Text.assemble(("listen for: ", "bold green"), asked.listen_for),
        Text.assemble(("a common wrong answer: ", "bold red"), asked.wrong_answer),
        Markdown(asked.answer),
    ]
    for follow_up in asked.follow_ups:
        parts += [Text(f"follow-up: {follow_up.question}", style="bold"), Text(follow_up.answer)]
    return [*parts, ""]
