"""The command line: what each command reads, calls and shows. Imports no torch."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from grader import mock, rehearse, render, study, train
from grader.arguments import Device, Name, Names, known, nearest, usage, with_code
from grader.attempt import NoSubmission, is_untouched, kept_fingerprints, new_sandbox, read_source, recorded, timed
from grader.catalogue import TOGETHER, Exercise, exercises
from grader.clock import NotTimed
from grader.database import JournalError
from grader.explain import explain as explained
from grader.grading import Candidate
from grader.journal import Journal
from grader.sandbox import Sandbox
from grader.scaffold import scaffold
from grader.twins import GraderError
from grader.verdict import GRADER_FAILED, NOT_PASSED, PASSED, PropertyResult, Verdict

app = typer.Typer(
    help="Interview exercises for language-model engineering, graded by properties.",
    rich_markup_mode=None, pretty_exceptions_enable=False,
)  # fmt: skip


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


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    no_color: Annotated[bool, typer.Option("--no-color", help="no colours, as with NO_COLOR in the environment")] = False,
) -> None:
    """Interview exercises for language-model engineering, graded by properties. Without a command: where you stand."""
    if no_color:
        render.drop_colors()
    if context.invoked_subcommand is None:
        study.where_you_stand()


@app.command()
def run(
    names: Names = None,
    all: Annotated[bool, typer.Option("--all", help="every exercise")] = False,
    file: Annotated[Path | None, typer.Option(help="grade this file instead of your stub")] = None,
    against: Annotated[str, typer.Option(help="yours, solution, a known mistake, or planted bugs joined by +")] = "yours",
    json: Annotated[bool, typer.Option("--json", help="one JSON object per exercise on standard output, nothing else")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="refuse to grade where nothing isolates the file")] = False,
    bench: Annotated[bool, typer.Option("--bench/--no-bench", help="time an answer that passes")] = True,
    device: Device = "cpu",
) -> None:
    """Grade your answer: properties, counterexamples, the likely mistake, and the time beside the reference."""
    wanted = [each for each in exercises() if each.kind != "oral"] if all else [with_code(name) for name in names or []]
    if not wanted:
        raise usage("name an exercise, or give --all")
    if file and (len(wanted) > 1 or against != "yours"):
        raise usage("--file goes with one exercise and without --against")
    for exercise in wanted:
        names_known = ("yours", "solution", *exercise.mistake_names)
        together = against.split(TOGETHER) if exercise.kind == "debugging" else []
        if against not in names_known and not (together and set(together) <= set(exercise.mistake_names)):
            raise usage(f"no submission {against!r} of {exercise}; {nearest(against, names_known)}")
    with new_sandbox(many=len(wanted) > 1) as sandbox:
        sandbox.warm()
        if strict and sandbox.isolation() == "none":
            raise usage("--strict: this system offers no isolation")
        codes = [_run_one(sandbox, exercise, against, file, json, device if bench else None) for exercise in wanted]
    raise typer.Exit(max(codes))


def _run_one(sandbox: Sandbox, exercise: Exercise, against: str, file: Path | None, json: bool, timed_on: str | None) -> int:
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
            study.show_brief(exercise)
            render.say(f"\nNot started. Open {render.path(path)}. This is what the reference achieves:\n")
        render.heading(exercise, render.path(path))
    heard = (lambda _: None) if json else render.property_line
    fingerprints = kept_fingerprints(render.aside)
    found = recorded(sandbox, candidate, heard, render.warn, fingerprints, keep=not untouched)
    if timed_on and found.outcome == "passed" and not candidate.is_mistake and exercise.kind == "coding":
        found = _with_times(sandbox, candidate, found, timed_on)
    if untouched and found.outcome == "passed":
        found = found.but(outcome="not_started", message=f"open {path}; these are the reference's results")
    elif untouched:
        found = found.but(outcome="grader_error", message=f"the reference does not pass: {found.message}")
    if json:
        print(found.to_json())
        return found.exit_code
    render.verdict(found, properties_shown=True)
    if not untouched:
        render.next_step(exercise, found, study.hints_left(exercise))
    return found.exit_code


def _with_times(sandbox: Sandbox, candidate: Candidate, found: Verdict, device: str) -> Verdict:
    try:
        return found.but(benchmark=timed(sandbox, candidate, render.warn, device=device).timings)
    except NotTimed as why:
        render.warn(f"not timed: {why}")
        return found


@app.command()
def bench(
    name: Name,
    file: Annotated[Path | None, typer.Option(help="time this file instead of your stub")] = None,
    device: Device = "cpu",
    svg: Annotated[Path | None, typer.Option(help="write the plots there as SVG too")] = None,
    json: Annotated[bool, typer.Option("--json", help="the verdict with its timings as one JSON object")] = False,
) -> None:
    """Ratios to the reference and torch, and how time and memory grow, for an answer that passes."""
    exercise = known(name)
    if exercise.kind != "coding":
        why = "in code that has bugs to find, only right and wrong count" if exercise.kind == "debugging" else "it has no code"
        raise usage(f"{exercise} is nothing to time: {why}")
    path = file or exercise.stub
    try:
        source = read_source(path)
    except NoSubmission as why:
        raise usage(str(why)) from None
    untouched = file is None and is_untouched(exercise, source)
    candidate = Candidate(exercise, "solution" if untouched else "yours", str(path), source)
    if untouched:
        render.aside(f"{render.path(path)} is not started; these are the reference's figures")
    with new_sandbox() as sandbox:
        sandbox.warm()
        quiet, fingerprints = lambda _: None, kept_fingerprints(render.aside)
        found = None if untouched else recorded(sandbox, candidate, quiet, render.warn, fingerprints, keep=False)
        if found and found.outcome != "passed":
            render.fail(f"no time for a wrong answer: {found.outcome}, {found.message}")
            raise typer.Exit(found.exit_code)
        try:
            times = timed(sandbox, candidate, render.warn, growth=True, device=device)
        except NotTimed as why:
            raise usage(f"not timed: {why}") from None
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
    exercise = with_code(name)
    if property not in exercise.claims:
        raise usage(f"{exercise} has no property {property!r}; {nearest(property, exercise.claims)}")
    last = Journal().last(exercise.name)
    rows = {row["name"]: row for row in last.verdict["properties"]} if last else {}
    row = rows.get(property)
    if row is None or not (row["counterexample"] or row["message"]):
        render.fail(f"no counterexample of {property} is known: the last attempt did not break it")
        raise typer.Exit(NOT_PASSED)
    print(explained(exercise, PropertyResult(**row)), end="")


app.add_typer(study.app)
app.add_typer(rehearse.app)
app.add_typer(train.app)
app.add_typer(mock.app)


@app.command()
def check(
    names: Names = None,
    all: Annotated[bool, typer.Option("--all", help="every exercise")] = False,
    mutants: Annotated[
        bool, typer.Option("--mutants/--no-mutants", help="hold the properties to generic mutants too, and time the reference")
    ] = True,
) -> None:
    """The author's proof: the reference passes, the stub is made from it, every known mistake is caught and named."""
    from grader.check import check_all  # only authors pay for it

    wanted = exercises() if all or not names else [known(name) for name in names]
    with new_sandbox(many=True) as sandbox:
        faults = check_all(wanted, sandbox, kept_fingerprints(lambda _: None), mutants)
    raise typer.Exit(NOT_PASSED if faults else PASSED)


@app.command()
def new(name: Name) -> None:
    """Scaffold an exercise: one folder in exercises/, one in solutions/."""
    if not name.isidentifier() or name.startswith("_") or name in {exercise.name for exercise in exercises()}:
        raise usage(f"{name!r} is taken, or is no name for a Python module")
    for path in scaffold(name):
        render.say(f"wrote {render.path(path)}")
    render.say(
        f"Next: write the solution, then `grader reset {name}` makes the stub and `grader check {name}` says what is missing."
    )
