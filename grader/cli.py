"""The command line: what each command reads, calls and shows. Imports no torch."""

import difflib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from grader import render
from grader.attempt import NoSubmission, is_untouched, read_source, recorded
from grader.catalogue import Exercise, exercises
from grader.clock import NotTimed, clocked
from grader.explain import explain as explained
from grader.grading import Candidate
from grader.journal import Journal, JournalError, home
from grader.sandbox import GraderError, Sandbox
from grader.scaffold import scaffold
from grader.stub import erase
from grader.verdict import GRADER_FAILED, NOT_PASSED, PASSED, USAGE, PropertyResult, Verdict

app = typer.Typer(
    help="Interview exercises for language-model engineering, graded by properties.",
    no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
)  # fmt: skip

Name = Annotated[str, typer.Argument(help="the exercise")]


def main() -> None:
    """The entry point. Only our own bugs show a traceback, and exit with 3."""
    try:
        app(prog_name="grader")
    except GraderError as why:
        render.fail(f"the grader itself failed: {why}")
        sys.exit(GRADER_FAILED)
    except JournalError as why:
        render.fail(str(why))
        sys.exit(GRADER_FAILED)
    except BrokenPipeError:  # `grader list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PASSED)


def known(name: str) -> Exercise:
    """The exercise of that name; otherwise the nearest names and exit code 2."""
    every = {exercise.name: exercise for exercise in exercises()}
    if name in every:
        return every[name]
    raise _usage(f"no exercise {name!r}; {_nearest(name, every)} `grader list` shows all.")


def _nearest(name: str, known_names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known_names), n=3, cutoff=0)
    return f"did you mean {' or '.join(near)}?"


def _usage(message: str) -> typer.Exit:
    render.fail(message)
    return typer.Exit(USAGE)


def _sandbox() -> Sandbox:
    """`GRADER_NAMESPACES=off` grades as on a system that has none."""
    return Sandbox(os.environ.get("GRADER_NAMESPACES", "on") != "off", hidden=(str(home()),))


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(help="the exercises")] = None,
    all: Annotated[bool, typer.Option("--all", help="every exercise")] = False,
    file: Annotated[Path | None, typer.Option(help="grade this file instead of your stub")] = None,
    against: Annotated[str, typer.Option(help="yours, solution, or the name of a known mistake")] = "yours",
    json: Annotated[bool, typer.Option("--json", help="one JSON object per exercise on standard output, nothing else")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="refuse to grade where nothing isolates the file")] = False,
    bench: Annotated[bool, typer.Option("--bench/--no-bench", help="time an answer that passes")] = True,
) -> None:
    """Grade your answer: properties, counterexamples, the likely mistake, and the time beside the reference."""
    wanted = [exercise for exercise in exercises() if exercise.kind != "oral"] if all else [known(name) for name in names or []]
    for exercise in wanted:
        if exercise.kind == "oral":
            raise _usage(f"{exercise} has no code to grade, only questions: `grader oral {exercise}`")
    if not wanted:
        raise _usage("name an exercise, or give --all")
    if file and (len(wanted) > 1 or against != "yours"):
        raise _usage("--file goes with one exercise and without --against")
    for exercise in wanted:
        if against not in ("yours", "solution", *exercise.mistake_names):
            names_known = ("yours", "solution", *exercise.mistake_names)
            raise _usage(f"no submission {against!r} of {exercise}; {_nearest(against, names_known)}")
    with _sandbox() as sandbox:
        sandbox.warm()
        if strict and sandbox.isolation() == "none":
            raise _usage("--strict: this system offers no isolation")
        codes = [_run_one(sandbox, exercise, against, file, json, bench) for exercise in wanted]
    raise typer.Exit(max(codes))


def _run_one(sandbox: Sandbox, exercise: Exercise, against: str, file: Path | None, json: bool, bench: bool) -> int:
    path = file or (exercise.stub if against == "yours" else exercise.solution)
    try:
        candidate = Candidate(exercise, against, str(path), read_source(path))
    except NoSubmission as why:
        found = Verdict(exercise.name, against, str(path), "", "no_submission", str(why))
        print(found.to_json()) if json else render.fail(str(why))
        return found.exit_code
    untouched = against == "yours" and file is None and is_untouched(exercise, candidate.source)
    if untouched:
        candidate = Candidate(exercise, "solution", str(path), exercise.solution.read_bytes())
    if not json:
        if untouched:
            render.brief(exercise)
            render.say(f"\nNot started. Open {render.path(path)}. This is what the reference achieves:\n")
        render.heading(exercise, render.path(path))
    heard = (lambda _: None) if json else render.property_line
    found = recorded(sandbox, candidate, heard, Journal(), render.warn, keep=not untouched)
    if bench and found.outcome == "passed" and not candidate.is_mistake:
        found = found.but(benchmark=clocked(sandbox, candidate).timings)
    if untouched and found.outcome == "passed":
        found = found.but(outcome="not_started", message=f"open {path}; these are the reference's results")
    elif untouched:
        found = found.but(outcome="grader_error", message=f"the reference does not pass: {found.message}")
    if json:
        print(found.to_json())
        return found.exit_code
    render.verdict(found, properties_shown=True)
    if not untouched:
        render.next_step(exercise, found, _hints_left(exercise))
    return found.exit_code


def _hints_left(exercise: Exercise) -> int:
    try:
        return len(exercise.hints) - Journal().hints_shown(exercise.name)
    except JournalError:
        return len(exercise.hints)


@app.command()
def bench(
    name: Name,
    file: Annotated[Path | None, typer.Option(help="time this file instead of your stub")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    svg: Annotated[Path | None, typer.Option(help="write the plots there as SVG too")] = None,
    json: Annotated[bool, typer.Option("--json", help="the verdict with its timings as one JSON object")] = False,
) -> None:
    """Ratios to the reference and torch, and how time and memory grow, for an answer that passes."""
    exercise = known(name)
    if exercise.kind != "coding" or device not in ("cpu", "cuda"):
        raise _usage(f"{exercise} is nothing to time" if device in ("cpu", "cuda") else f"no device {device!r}: cpu or cuda")
    path = file or exercise.stub
    try:
        source = read_source(path)
    except NoSubmission as why:
        raise _usage(str(why)) from None
    untouched = file is None and is_untouched(exercise, source)
    candidate = Candidate(exercise, "solution" if untouched else "yours", str(path), source)
    if untouched:
        render.aside(f"{render.path(path)} is not started; these are the reference's figures")
    with _sandbox() as sandbox:
        sandbox.warm()
        found = recorded(sandbox, candidate, lambda _: None, Journal(), render.warn, keep=False) if not untouched else None
        if found and found.outcome != "passed":
            render.fail(f"no time for a wrong answer: {found.outcome}, {found.message}")
            raise typer.Exit(found.exit_code)
        try:
            times = clocked(sandbox, candidate, growth=True, device=device)
        except NotTimed as why:
            raise _usage(f"not timed: {why}") from None
    if json:
        base = found or Verdict(exercise.name, "solution", str(path), candidate.sha256, "not_started")
        print(base.but(benchmark=times.timings, growth=times.growth).to_json())
        return
    render.timings(times.timings)
    render.growth(times.growth)
    if svg:
        render.growth_svg(times.growth, svg)
        render.say(f"wrote {render.path(svg)}")


@app.command()
def explain(name: Name, property: Annotated[str, typer.Argument(help="a property that the last attempt broke")]) -> None:
    """Print a script that repeats the last counterexample of a property, to paste or to argue with."""
    exercise = known(name)
    if property not in exercise.claims:
        raise _usage(f"{exercise} has no property {property!r}; {_nearest(property, exercise.claims)}")
    last = Journal().last(exercise.name)
    rows = {row["name"]: row for row in last.verdict["properties"]} if last else {}
    row = rows.get(property)
    if row is None or not (row["counterexample"] or row["message"]):
        render.fail(f"no counterexample of {property} is known: the last attempt did not break it")
        raise typer.Exit(NOT_PASSED)
    print(explained(exercise, PropertyResult(**row)), end="")


@app.command("list")
def list_() -> None:
    """The exercises by track, in the order of study, with your state."""
    try:
        outcomes = Journal().outcomes()
    except JournalError as why:
        render.warn(str(why))
        outcomes = {}
    render.listing(exercises(), outcomes)


@app.command()
def hint(name: Name) -> None:
    """The next hint card; the last one only after an attempt."""
    exercise, journal = known(name), Journal()
    shown, cards = journal.hints_shown(exercise.name), exercise.hints
    if shown == len(cards) - 1 and not journal.attempts(exercise.name):
        render.fail(f"the last hint nearly gives the answer: try first, with `grader run {exercise}`")
        raise typer.Exit(NOT_PASSED)
    number = min(shown, len(cards) - 1)
    if number == shown:
        journal.show_hint(exercise.name, number)
    render.card(cards[number], f"Hint {number + 1} of {len(cards)}")


@app.command()
def solution(name: Name, yes: Annotated[bool, typer.Option("--yes", help="show it before any attempt")] = False) -> None:
    """The reference, after an attempt of yours or with --yes."""
    exercise = known(name)
    if not yes and not Journal().attempts(exercise.name):
        render.fail(f"no attempt yet: `grader run {exercise}` first, or give --yes")
        raise typer.Exit(NOT_PASSED)
    render.code(exercise.solution.read_text(encoding="utf-8"), render.path(exercise.solution))


@app.command()
def reset(name: Name) -> None:
    """A fresh stub; the file that it replaces is kept in the journal."""
    exercise = known(name)
    if exercise.stub.exists():
        number = Journal().keep(exercise.name, str(exercise.stub), exercise.stub.read_bytes())
        render.say(f"your answer is kept as attempt {number}")
    _write(exercise.stub, erase(exercise.solution.read_text(encoding="utf-8")))
    render.say(f"{render.path(exercise.stub)} is a fresh stub")


def _write(path: Path, text: str) -> None:
    """All or nothing, whatever happens meanwhile."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


@app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="the exercises")] = None,
    all: Annotated[bool, typer.Option("--all", help="every exercise")] = False,
    mutants: Annotated[bool, typer.Option("--mutants/--no-mutants", help="hold the properties to generic mutants too")] = True,
) -> None:
    """The author's proof: the reference passes, the stub is its erasure, every known mistake is caught and named."""
    from grader.check import check_all  # only authors pay for it

    wanted = exercises() if all or not names else [known(name) for name in names]
    with _sandbox() as sandbox:
        faults = check_all(wanted, sandbox, mutants)
    raise typer.Exit(NOT_PASSED if faults else PASSED)


@app.command()
def new(name: Name) -> None:
    """Scaffold an exercise: one folder in exercises/, one in solutions/."""
    if not name.isidentifier() or name.startswith("_") or name in {exercise.name for exercise in exercises()}:
        raise _usage(f"{name!r} is taken, or is no name for a Python module")
    for path in scaffold(name):
        render.say(f"wrote {render.path(path)}")
    render.say(
        f"Next: write the solution, then `grader reset {name}` makes the stub and `grader check {name}` says what is missing."
    )
