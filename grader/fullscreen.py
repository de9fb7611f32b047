"""What the full screens share: a head, a body that scrolls, the learner's editor, and a verdict as far as it is known."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from grader import render
from grader.catalogue import Exercise
from grader.verdict import PropertyResult, Verdict


class Told(Message):
    """News from another thread."""

    def __init__(self, news: Any) -> None:
        super().__init__()
        self.news = news


class FullScreen(App[None]):
    """Keys and colours. A screen composes `pane()` into its layout and fills it with `show`."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "fullscreen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "scroll(-1)", "Up", show=False, priority=True),
        Binding("pagedown", "scroll(1)", "Down", show=False, priority=True),
    ]

    def on_mount(self) -> None:
        self.theme = "ansi-dark"  # the terminal's own colours, and so right on light ones too

    def pane(self) -> ComposeResult:
        with VerticalScroll(id="pane"):
            yield Static(id="head")
            yield Static(id="body")

    @property
    def is_there(self) -> bool:
        """Not before it is composed, nor once it is taken down; a timer or a thread may come later."""
        return bool(self.query("#body"))

    def show(self, head: RenderableType, *parts: RenderableType) -> None:
        self.query_one("#head", Static).update(head)
        self.query_one("#body", Static).update(Group(*parts))

    def action_scroll(self, pages: int) -> None:
        pane = self.query_one("#pane")
        pane.scroll_relative(y=pages * (pane.size.height - 2), animate=False)

    def to_top(self) -> None:
        self.query_one("#pane").scroll_home(animate=False)

    def edit(self, file: Path) -> None:
        """In the learner's own editor, which has the terminal meanwhile."""
        editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        if shutil.which(editor[0]) is None:
            self.notify(f"no editor {editor[0]!r}: set EDITOR", severity="error")
            return
        try:
            with self.suspend():
                subprocess.run([*editor, str(file)])
        except SuspendNotSupported:
            self.notify("no editor can be opened here", severity="error")


def verdict_parts(exercise: Exercise, heard: Iterable[PropertyResult], verdict: Verdict | None) -> Iterator[RenderableType]:
    """As much of a verdict as is known: the properties that were heard, then all of it."""
    results = verdict.properties if verdict else tuple(heard)
    yield render.headline(verdict) if verdict else _doing(exercise, len(results))
    yield render.ticks(exercise.claims, results)
    yield from map(render.looks_like, verdict.diagnosis if verdict else ())
    yield from render.lessons(verdict) if verdict else ()
    yield from map(render.counterexample, render.broken_ones(results)[: render.SHOWN])
    if verdict:
        yield from render.timing_lines(verdict.benchmark)
        yield from render.printed(verdict)
    yield ""
    yield from map(render.property_text, results)


def _doing(exercise: Exercise, known: int) -> Text:
    of = len(exercise.claims)
    doing = "grading ..." if known < of else "comparing with the reference and the known mistakes ..."
    return Text(f"{doing}  {known} of {of} properties", style="italic")
