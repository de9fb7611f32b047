"""A run on the terminal: figures, a live curve and a sample of text. Plain lines where nobody looks."""

from types import TracebackType

from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from grader import render
from grader.training.folder import Record
from grader.training.recipe import Recipe

CURVE = 12  # lines
POINTS = 400  # of the curve
SAMPLE = 5  # lines


class Display:
    """A context manager; told about the run as a `Watcher` is. `title` says what runs where."""

    def __init__(self, recipe: Recipe, title: str, before: list[Record]) -> None:
        self.recipe, self.title, self.records = recipe, title, before
        self._all = recipe.tokens(recipe.steps)
        self._sample = Text("")
        self._live: Live | None = None

    def __enter__(self) -> "Display":
        if render.console.is_terminal:
            self._live = Live(console=render.console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        else:
            render.say(self.title)
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def record(self, record: Record) -> None:
        self.records.append(record)
        if self._live:
            self._live.update(self.screen(), refresh=True)
        elif record.held_out is not None:
            render.console.print(Text(self.line(record)), soft_wrap=True)  # a log file has no width

    def sample(self, step: int, text: str) -> None:
        self._sample = Text(render.clean(text.strip()), overflow="ellipsis")
        if self._live:
            self._live.update(self.screen(), refresh=True)

    def warn(self, message: str) -> None:
        render.warn(message)

    def line(self, record: Record) -> str:
        """One line for a log file."""
        figures = ", ".join(f"{name} {value}" for name, value in self._figures(record))
        return f"step {record.step}/{self.recipe.steps}: {figures}"

    def screen(self) -> RenderableType:
        last = self.records[-1]
        figures = Table.grid(padding=(0, 3))
        rows = list(self._figures(last))
        for start in range(0, len(rows), 4):
            figures.add_row(*(Text.assemble((f"{name} ", "dim"), value) for name, value in rows[start : start + 4]))
        share = last.tokens / self._all
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            ProgressBar(total=1.0, completed=share, width=40),
            Text(f"{share:.0%}  step {last.step:,} of {self.recipe.steps:,}"),
            Text(f"{_clock(self._left(last))} left", style="bold"),
        )
        parts: list[RenderableType] = [Text(self.title, style="bold"), bar, figures, Text.from_ansi(self._curve())]
        if self._sample:
            lines = self._sample.wrap(render.console, max(20, render.console.width - 4))
            parts.append(Panel(Text("\n").join(lines[:SAMPLE]), title="a sample", title_align="left", style="dim"))
        return Group(*parts)

    def _figures(self, record: Record) -> list[tuple[str, str]]:
        checked = next((each for each in reversed(self.records) if each.held_out is not None), None)
        found = [("loss", f"{record.loss:.3f}")]
        if checked is not None:
            found += [("held out", f"{checked.held_out:.3f}"), ("bits per byte", f"{checked.bits_per_byte:.3f}")]
        found += [("tokens/s", f"{record.tokens_per_second:,.0f}")]
        if record.mfu is not None:
            found += [("MFU", f"{record.mfu:.0%}")]
        return [*found, ("rate", f"{record.rate:.1e}"), ("left", _clock(self._left(record)))]

    def _left(self, record: Record) -> float:
        return (self._all - record.tokens) / max(record.tokens_per_second, 1e-9)

    def _curve(self) -> str:
        import plotext  # only whoever trains pays for it

        thin = self.records[:: max(1, len(self.records) // POINTS)]
        checked = [each for each in self.records if each.held_out is not None]
        plotext.clear_figure()
        plotext.plotsize(min(render.console.width, 76), CURVE)
        plotext.theme("clear")
        plotext.xlabel("step")
        plotext.plot([each.step for each in thin], [each.loss for each in thin], label="loss", marker="braille")
        if checked:
            plotext.scatter([each.step for each in checked], [each.held_out for each in checked], label="held out", marker="o")
        return str(plotext.build())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
