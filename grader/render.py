"""What people see: verdicts, tables and briefs, through rich. The only module, with the interactive screens, that knows it."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from grader.catalogue import Card, Exercise
from grader.estimate import Estimate, comparison
from grader.verdict import Diagnosis, Growth, PropertyResult, Timing, Verdict

LINES = 10  # of what the submission printed, the last ones
SHOWN = 3  # counterexamples in full; the others by name
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]")

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def clean(text: str) -> str:
    """Without terminal escape codes and control characters: what a submission says may not steer the terminal."""
    return _CONTROL.sub("", text)


def warn(message: str) -> None:
    errors.print(Text(clean(message), style="italic"))


def fail(message: str) -> None:
    errors.print(Text(clean(message), style="bold red"))


def say(message: str) -> None:
    console.print(Text(clean(message)))


def aside(message: str) -> None:
    """For whoever waits; not part of any output that programs read."""
    errors.print(Text(clean(message), style="dim"))


def mark(outcome: str) -> Text:
    plain = not (console.encoding or "").lower().startswith("utf")
    marks = {"passed": ("ok  " if plain else "✓", "green"), "not_run": ("-   " if plain else "·", "dim")}
    sign, style = marks.get(outcome, ("FAIL" if plain else "✗", "red"))
    return Text(sign, style=style)


def heading(exercise: Exercise, file: str) -> None:
    console.print(Text.assemble((f"{exercise.title}", "bold"), ("  " + file, "dim")))


def drop_colors() -> None:
    """As where NO_COLOR is set, for the programs that this one starts too."""
    os.environ["NO_COLOR"] = "1"
    for each in (console, errors):
        each.no_color = True


def property_line(result: PropertyResult) -> None:
    """One property, as soon as it is known."""
    console.print(property_text(result), soft_wrap=False)


def property_text(result: PropertyResult) -> Text:
    line = Text.assemble(mark(result.outcome), " ", clean(result.claim or result.name))
    if result.outcome == "not_run" and result.message:
        line.append(f"  ({clean(result.message)})", style="dim")
    return line


def broken_ones(results: Iterable[PropertyResult]) -> list[PropertyResult]:
    """What is to be explained; first what held in the code that the learner was given."""
    return sorted((result for result in results if result.is_broken), key=lambda result: not result.is_new)


def verdict(found: Verdict, properties_shown: bool) -> None:
    """The whole verdict; its properties too, unless they were shown while they came."""
    if not properties_shown:
        for result in found.properties:
            property_line(result)
    broken = broken_ones(found.properties)
    for result in broken[:SHOWN]:
        console.print(counterexample(result))
    if len(broken) > SHOWN:
        rest = ", ".join(result.name for result in broken[SHOWN:])
        console.print(Text(f"also broken: {rest}", style="dim"))
    for panel in printed(found):
        console.print(panel)
    for diagnosis in found.diagnosis:
        console.print(looks_like(diagnosis))
    for lesson in lessons(found):
        console.print(lesson)
    console.print()
    console.print(headline(found))
    if found.benchmark:
        timings(found.benchmark)
    if found.isolation == "none" and found.submission in ("yours", "solution") and found.outcome != "grader_error":
        warn("this system offers no isolation: the file ran with all your rights")


def ticks(names: Iterable[str], results: Iterable[PropertyResult]) -> Text:
    """One sign per property, in the order of the file; a dot for those that are not known yet."""
    outcomes = {result.name: result.outcome for result in results}
    signs = [mark(outcomes.get(name, "not_run")) for name in names]
    return Text.assemble(*((sign.plain[0], sign.style) for sign in signs))


def printed(found: Verdict) -> Iterator[Panel]:
    """The last lines of what the submission wrote, if it wrote any."""
    lines = clean(found.printed).strip().splitlines()
    if lines:
        yield Panel(Text("\n".join(lines[-LINES:])), title="your code printed", title_align="left", style="dim")


def headline(found: Verdict) -> Text:
    style = "bold green" if found.outcome == "passed" else "bold" if found.outcome == "not_started" else "bold red"
    text = Text.assemble((found.outcome.replace("_", " "), style), "  ", clean(found.message))
    return text.append(f"  ({found.seconds:.1f} s)", style="dim")


def counterexample(result: PropertyResult) -> Padding:
    parts: list[Text | Syntax] = [
        Text.assemble(mark(result.outcome), " ", (result.name, "bold"), "  ", (clean(result.claim), "italic"))
    ]
    if result.message:
        parts.append(Padding(Text(clean(result.message)), (0, 0, 0, 2)))  # type: ignore[arg-type]
    if result.counterexample:
        code = Syntax(clean(result.counterexample), "python", theme="ansi_dark", background_color="default", word_wrap=True)
        parts.append(Padding(code, (0, 0, 0, 2)))  # type: ignore[arg-type]
    return Padding(Group(*parts), (1, 0, 0, 0))


def looks_like(diagnosis: Diagnosis) -> Panel:
    name = diagnosis.mistake.replace("_", " ")
    title = Text.assemble("This looks like: ", (name, "bold"))
    return Panel(
        Text(diagnosis.lesson),
        title=title,
        title_align="left",
        subtitle=f"confidence {diagnosis.confidence:.0%}",
        border_style="yellow",
    )


def lessons(found: Verdict) -> Iterator[Panel]:
    """What the bugs were, once all of them are mended."""
    exercise = Exercise(found.exercise)
    if found.outcome == "passed" and found.submission == "yours" and exercise.kind == "debugging":
        for bug, lesson in exercise.lessons.items():
            title = Text.assemble("This was planted: ", (bug.replace("_", " "), "bold"))
            yield Panel(Text(lesson), title=title, title_align="left", style="green")


def next_step(exercise: Exercise, found: Verdict, hints_left: int) -> None:
    """What to do now."""
    if found.outcome == "passed":
        say(f"Next: `grader solution {exercise}` to compare with the reference, `grader list` for another exercise.")
        return
    broken = next((result.name for result in found.properties if result.is_broken), None)
    steps = [f"`grader explain {exercise} {broken}` to try the counterexample"] if broken else []
    steps += [f"`grader hint {exercise}` for a hint"] if hints_left else []
    steps += [f"edit and `grader run {exercise}` again"]
    say("Next: " + "; ".join(steps) + ".")


def timings(rows: Iterable[Timing]) -> None:
    for line in timing_lines(rows):
        console.print(line)


def timing_lines(rows: Iterable[Timing]) -> Iterator[Text]:
    """Ratios only: a bare time says more about the machine than about the answer."""
    names = {
        "yours/solution": "yours beside the reference",
        "yours/torch": "yours beside torch",
        "solution/torch": "the reference beside torch",
    }
    for row in rows:
        size = ", ".join(f"{axis} {length:,}" for axis, length in row.size.items())
        yield Text.assemble(("time of ", "dim"), row.workload, ("  " + size, "dim"))
        for key, ratio in row.ratios.items():
            yield Text(f"  {names.get(key, key):<27} {comparison(ratio)}")


RUNNERS = {"yours": "yours", "solution": "reference", "torch": "torch"}


def growth(curves: Iterable[Growth]) -> None:
    """Exponents, and a plot of time per workload."""
    by_workload: dict[str, list[Growth]] = {}
    for curve in curves:
        by_workload.setdefault(curve.workload, []).append(curve)
    for workload, members in by_workload.items():
        first = members[0]
        declared = f"; declared: time {_power(first.declared_time)}, memory {_power(first.declared_memory)}"
        console.print(Text.assemble("\n", ("growth of ", "dim"), workload, (f" as a power of {first.axis}{declared}", "dim")))
        for curve in members:
            flops = f"  {curve.flops / 1e9:.3g} GFLOP at {curve.lengths[-1]:,}" if curve.flops else ""
            name = RUNNERS.get(curve.runner, curve.runner)
            console.print(f"  {name:<10} time {_exponent(curve.time)}   memory {_exponent(curve.memory)}{flops}")
        console.print(Text.from_ansi(_plot(workload, members)))


def _power(declared: float | None) -> str:
    return "-" if declared is None else f"{declared:g}"


def _exponent(estimate: Estimate) -> str:
    return f"{estimate.middle:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _plot(workload: str, curves: list[Growth]) -> str:
    import plotext  # only whoever plots pays for it

    unit = min(min(curve.seconds) for curve in curves)
    plotext.clear_figure()
    plotext.plotsize(min(console.width, 76), 16)
    plotext.theme("clear")
    plotext.xscale("log")
    plotext.yscale("log")
    plotext.title(f"{workload}: time by {curves[0].axis}, in multiples of the quickest call")
    for curve in curves:
        plotext.plot(
            list(curve.lengths), [second / unit for second in curve.seconds], label=RUNNERS.get(curve.runner), marker="braille"
        )
    plotext.xticks(list(curves[0].lengths))
    return str(plotext.build())


def growth_svg(curves: Iterable[Growth], target: Path) -> None:
    """The same plots, of time and of memory, for a report or a slide."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    workloads = list(dict.fromkeys(curve.workload for curve in curves))
    figure, axes = pyplot.subplots(len(workloads), 2, figsize=(9, 3.6 * len(workloads)), squeeze=False, layout="constrained")
    for row, workload in zip(axes, workloads, strict=True):
        members = [curve for curve in curves if curve.workload == workload]
        quickest = min(min(curve.seconds) for curve in members)
        for axis, what in zip(row, ("time", "memory"), strict=True):
            for curve in members:
                amounts = (
                    [second / quickest for second in curve.seconds]
                    if what == "time"
                    else [size / 2**20 for size in curve.bytes]
                )
                estimate = curve.time if what == "time" else curve.memory
                axis.loglog(curve.lengths, amounts, marker="o", label=f"{RUNNERS.get(curve.runner)}: {estimate.middle:.2f}")
            axis.set(title=workload, xlabel=members[0].axis, ylabel="time / quickest call" if what == "time" else "peak MB")
            axis.legend()
    figure.savefig(target, format="svg")
    pyplot.close(figure)


def brief(exercise: Exercise) -> None:
    console.print(Markdown(exercise.brief))


def question(exercise: Exercise, heading: str, title: str) -> None:
    console.print(Panel(Text(heading, style="bold"), title=f"{title}: {exercise.title}", title_align="left"))


def card(found: Card, title: str) -> None:
    console.print(card_panel(found, title))


def card_panel(found: Card, title: str) -> Panel:
    return Panel(Markdown(found.body), title=f"{title}: {found.heading}", title_align="left")


def code(source: str, title: str) -> None:
    console.print(Text(title, style="dim"))
    console.print(Syntax(source, "python", theme="ansi_dark", background_color="default"))


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A plain table; a cell that starts with '!' is a fault."""
    drawn = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(cell.removeprefix("!"), style="red" if cell.startswith("!") else "") for cell in row))
    console.print(drawn)


def path(where: Path) -> str:
    """Relative to the current folder where that is shorter."""
    try:
        return str(where.relative_to(Path.cwd()))
    except ValueError:
        return str(where)
