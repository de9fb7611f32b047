"""`watch`: the exercises on the left, the brief and the live verdict on the right; a save is graded at once."""

import threading
from collections.abc import Callable
from typing import Any, ClassVar

from rich.console import RenderableType
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Footer, OptionList
from textual.widgets.option_list import Option

from grader import pages, render
from grader.attempt import NoSubmission, fresh_stub, replace_answer
from grader.catalogue import Exercise
from grader.database import JournalError
from grader.fingerprints import Fingerprints
from grader.fullscreen import FullScreen, Told, verdict_parts
from grader.journal import Journal
from grader.live import Began, Done, Heard, Idle, Live, Noted, saves
from grader.progress import Progress, has_tried, next_hint
from grader.sandbox import Sandbox
from grader.verdict import PropertyResult, Verdict

READING = 10  # seconds on one exercise, and its brief counts as read


class Saved(Message):
    """A learner's file was saved."""

    def __init__(self, exercise: Exercise) -> None:
        super().__init__()
        self.exercise = exercise


class Watch(FullScreen):
    """The journal is opened anew for each question to it: it may be moved, or locked by another grader."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next", "Next"),
        Binding("h", "hint", "Hint"),
        Binding("s", "solution", "Solution"),
        Binding("r", "reset", "Reset"),
        Binding("e", "edit", "Edit"),
        Binding("t", "benchmark", "Time it"),
        Binding("b", "brief", "Brief"),
        Binding("v", "verdict", "Verdict"),
        Binding("q", "quit", "Quit"),
        Binding("space", "scroll(1)", "Down", show=False, priority=True),
    ]

    def __init__(
        self, sandbox: Sandbox, fingerprints: Fingerprints, exercises: list[Exercise], first: Exercise | None = None
    ) -> None:
        super().__init__()
        self.sandbox, self.fingerprints, self.exercises = sandbox, fingerprints, exercises
        self.first, self.current = first, first or exercises[0]
        self.results: dict[str, PropertyResult] = {}
        self.verdict: Verdict | None = None
        self.to_confirm: Exercise | None = None
        self.stop = threading.Event()
        self.saves = saves(exercises, self.stop)
        self.watcher = threading.Thread(target=self._hear_saves, name="saves", daemon=True)

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield OptionList(id="exercises")
            yield from self.pane()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.live = Live(self.sandbox, self.fingerprints, lambda news: self.post_message(Told(news)))
        self.watcher.start()
        self._fill_list()
        suggestion = None if self.first else self._progress().suggestion
        self._go_to(self.first or (suggestion.exercise if suggestion else self.exercises[0]))
        self.query_one("#exercises").focus()

    def on_unmount(self) -> None:
        self.stop.set()
        self.live.close()
        self.watcher.join()

    def _hear_saves(self) -> None:
        for exercise in self.saves:
            self.post_message(Saved(exercise))

    # The list

    def _progress(self) -> Progress:
        try:
            return Progress.of(Journal(), self.exercises)
        except JournalError as why:
            self.notify(str(why), severity="warning")
            return Progress(self.exercises, [], [], [], 0.0)

    def _fill_list(self) -> None:
        """Marks may have changed; what is highlighted stays so."""
        progress = self._progress()
        due = {item.exercise.name for item in progress.due}
        options = self.query_one(OptionList)
        at = options.highlighted
        rows: list[Option] = []
        for track in progress.tracks:
            rows.append(Option(Text(f"{track.name} {track.passed}/{track.exercises}", style="bold"), disabled=True))
            for exercise in self.exercises:
                if exercise.facts.track == track.name:
                    sign = pages.state_mark(progress.states[exercise.name], exercise.name in due)
                    rows.append(Option(Text.assemble(sign, " ", exercise.name), id=exercise.name))
        with options.prevent(OptionList.OptionHighlighted):
            options.clear_options()
            options.add_options(rows)
            options.highlighted = at

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        chosen = next((exercise for exercise in self.exercises if exercise.name == event.option.id), None)
        if chosen and chosen != self.current:
            self._open(chosen)

    def _go_to(self, exercise: Exercise) -> None:
        options = self.query_one(OptionList)
        with options.prevent(OptionList.OptionHighlighted):
            options.highlighted = options.get_option_index(exercise.name)
        self._open(exercise)

    def _open(self, exercise: Exercise) -> None:
        """Its brief, and its verdict as soon as there is one."""
        self.current, self.results, self.verdict, self.to_confirm = exercise, {}, None, None
        self.action_brief()
        self.live.prepare(exercise)
        self.set_timer(READING, lambda: self._note_brief(exercise))

    def _note_brief(self, exercise: Exercise) -> None:
        if exercise == self.current and self.verdict is None:
            self._ask_journal(lambda journal: journal.note(exercise.name, "brief"))

    # What is heard

    def on_saved(self, saved: Saved) -> None:
        if saved.exercise != self.current:
            self._go_to(saved.exercise)
        self.live.grade(saved.exercise)

    def on_told(self, told: Told) -> None:
        news = told.news
        if news.exercise != self.current:
            return
        match news:
            case Began():
                self.results, self.verdict = {}, None
                self.action_verdict()
            case Heard(result=result):
                self.results[result.name] = result
                self.action_verdict()
            case Done(verdict=verdict):
                self.verdict = verdict
                self.action_verdict()
                self._fill_list()
            case Idle(message=message):
                self.results, self.verdict = {}, None
                self.action_brief(message)
            case Noted(message=message):
                self.notify(render.clean(message), severity="warning")

    # What is shown

    def _show(self, *parts: RenderableType, status: str = "") -> None:
        exercise = self.current
        facts = f"{exercise.facts.minutes} min, {exercise.facts.level}"
        head = Text.assemble((exercise.title, "bold"), (f"  {facts}", "dim"), (f"  {status}" if status else "", "italic"))
        self.show(head, *parts)

    def action_brief(self, status: str = "") -> None:
        text = self.current.brief.split("\n", 1)[1]
        where = Text(f"edit {render.path(self.current.stub)} and save it, or press e", style="dim")
        self._show(Markdown(text), where, status=status)
        self.to_top()

    def action_verdict(self) -> None:
        """As much of it as is known."""
        if self.verdict is None and not self.results:
            self._show(Text("grading ..." if self.live.is_busy else "no verdict yet: save your file"))
            return
        self._show(*verdict_parts(self.current, self.results.values(), self.verdict))

    # What is asked for

    def action_next(self) -> None:
        found = self._progress().suggestion
        if found:
            self._go_to(found.exercise)
            again = "; r begins it afresh" if "due for review" in found.why else ""
            self.notify(f"{found.exercise}: {found.why}{again}")

    def action_hint(self) -> None:
        exercise = self.current
        number = self._ask_journal(lambda journal: next_hint(journal, exercise))
        if number is None:
            self.notify("the last hint nearly gives the answer: try first")
            return
        title = f"Hint {number + 1} of {len(exercise.hints)}"
        self._show(render.card_panel(exercise.hints[number], title), status="v: back to the verdict")

    def action_solution(self) -> None:
        exercise = self.current
        if not self._ask_journal(lambda journal: has_tried(journal, exercise)):
            self.notify("after an attempt of yours; or `grader solution --yes`")
            return
        self._ask_journal(lambda journal: journal.note(exercise.name, "solution"))
        source = exercise.solution.read_text(encoding="utf-8")
        code = Syntax(source, "python", theme="ansi_dark", background_color="default", word_wrap=True)
        self._show(code, status="the reference; v: back to the verdict")
        self.to_top()

    def action_reset(self) -> None:
        exercise = self.current
        if self.to_confirm != exercise:
            self.to_confirm = exercise
            self.notify("press r again for a fresh stub; your answer is kept")
            return
        self.to_confirm = None
        try:
            kept = replace_answer(Journal(), exercise, fresh_stub(exercise), "reset")
        except (JournalError, NoSubmission, OSError) as why:
            self.notify(str(why), severity="error")
            return
        self.notify(f"a fresh stub; your answer is kept as attempt {kept}" if kept else "a fresh stub")

    def action_edit(self) -> None:
        self.edit(self.current.stub)

    def action_benchmark(self) -> None:
        self.notify("timing it, if it passes")
        self.live.grade(self.current, bench=True)

    def _ask_journal(self, question: Callable[[Journal], Any]) -> Any:
        """None where the journal can't be used; a line says so."""
        try:
            return question(Journal())
        except JournalError as why:
            self.notify(str(why), severity="warning")
            return None
