"""What an exercise must have that can be seen without running it, each fault with its file and remedy."""

import ast
import builtins
import difflib
import re
import symtable
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from grader.attempt import fresh_stub
from grader.catalogue import LEVELS, ROOT, TRACKS, Exercise, cards
from grader.oral import read, sums

LEAST = {"properties": 5, "mistakes": 6, "bugs": 1, "hints": 3, "workloads": 1}
MOST_BUGS = 3
LEAST_QUESTIONS = 3
LONGEST_PROPERTY = 12  # lines
ALIKE = 0.85  # of two headings, by difflib's ratio


def form_faults(exercise: Exercise) -> Iterator[str]:
    """What every kind of exercise must have: a brief with its facts, and oral questions."""
    brief = _short(exercise.folder / "README.md")
    if not exercise.brief.startswith("# "):
        yield f"{brief}: line 1 should be '# Title'"
    if exercise.facts.track not in TRACKS or exercise.facts.level not in LEVELS:
        yield f"{brief}: line 3 names an unknown track or level; known are {', '.join(TRACKS)}; {', '.join(LEVELS)}"
    for name in exercise.facts.builds_on:
        if not (ROOT / "exercises" / name).is_dir():
            yield f"{brief}: it builds on {name}, which does not exist"
    yield from _question_faults(exercise)


def _question_faults(exercise: Exercise) -> Iterator[str]:
    file = _short(exercise.solution.parent / "interview.md")
    if len(exercise.questions) < LEAST_QUESTIONS:
        yield f"{file} has {len(exercise.questions)} questions; {LEAST_QUESTIONS} are the least"
    for card in exercise.questions:
        try:
            read(card)
            for shown in sums(card.body):
                if not shown.holds:
                    yield f"{file}: this sum does not hold: {shown.expression} = {shown.shown}"
        except (ValueError, SyntaxError) as why:
            yield f"{file}: {why}"
        for other, heading in every_question():
            same_place = other == exercise.name and heading == card.heading
            if not same_place and difflib.SequenceMatcher(None, card.heading, heading).ratio() > ALIKE:
                yield f"{file}: '{card.heading}' is asked in {other} too: '{heading}'"


@cache
def every_question() -> list[tuple[str, str]]:
    """The headings of all oral questions, each with its exercise."""
    files = sorted(ROOT.glob("solutions/*/interview.md"))
    return [(file.parent.name, card.heading) for file in files for card in cards(file.read_text(encoding="utf-8"))]


def code_faults(exercise: Exercise) -> Iterator[str]:
    """What an exercise with code must have besides."""
    solution, stub = exercise.solution.read_text(encoding="utf-8"), fresh_stub(exercise)
    debugging = exercise.kind == "debugging"
    if not exercise.stub.exists() or exercise.stub.read_text(encoding="utf-8") != stub:
        what = "every bug planted" if debugging else "its answers erased"
        yield f"{_short(exercise.stub)} is not the solution with {what}: `grader reset {exercise}`"
    if debugging:
        yield from _bug_faults(exercise, stub)
    workloads = (exercise.folder / "workloads.py").read_text(encoding="utf-8").count("@workload(")
    counts = {
        "properties": len(exercise.claims),
        "bugs" if debugging else "mistakes": len(exercise.mistake_names),
        "hints": len(exercise.hints),
        "workloads": workloads,
    }
    for what, count in counts.items():
        if count < LEAST[what]:
            yield f"{exercise} has {count} {what}; {LEAST[what]} are the least"
    yield from _property_faults(exercise)
    yield from (f"{_short(exercise.solution)}: {name} lacks shapes in its signature" for name in _without_shapes(solution))
    for name in exercise.forbids:
        if not _is_said(name, exercise.brief):
            yield f"{_short(exercise.folder / 'README.md')}: the line 'Not allowed' does not mention {name}, which is forbidden"


def _bug_faults(exercise: Exercise, stub: str) -> Iterator[str]:
    """The stub has to read as natural code: few bugs, and nothing that only the right lines need, or lack."""
    file = _short(exercise.mistakes_file)
    if len(exercise.mistake_names) > MOST_BUGS:
        yield f"{file} has {len(exercise.mistake_names)} bugs; {MOST_BUGS} are the most"
    table = symtable.symtable(stub, file, "exec")
    defined = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    for name in sorted(_global_names(table) - defined - set(dir(builtins)) - {"__name__", "__file__"}):
        yield f"{file}: a bug uses {name}, which the solution neither imports nor defines"
    words = Counter(re.findall(r"\w+", stub))
    for name in sorted(name for name in defined if name.startswith("_") and words[name] == 1):
        yield f"{file}: once the bugs are planted nothing needs {name}, which gives them away"


def _global_names(table: symtable.SymbolTable) -> set[str]:
    mine = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return mine.union(*(_global_names(child) for child in table.get_children()))


def _property_faults(exercise: Exercise) -> Iterator[str]:
    for node in ast.parse(exercise.tests.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        claim = ast.get_docstring(node) or ""
        if not claim.endswith(".") or "\n" in claim:
            yield f"{_short(exercise.tests)}: {node.name} needs a docstring of one sentence, on one line"
        if (node.end_lineno or 0) - node.lineno >= LONGEST_PROPERTY:
            yield f"{_short(exercise.tests)}: {node.name} is longer than {LONGEST_PROPERTY} lines"


def _without_shapes(source: str) -> Iterator[str]:
    """Public functions with an argument or result that is not annotated, or a tensor whose axes are not named."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef) or (node.name.startswith("_") and node.name != "__init__"):
            continue
        arguments = [a for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg != "self"]
        annotations = [*(argument.annotation for argument in arguments), node.returns]
        if any(a is None or re.fullmatch(r"(torch\.)?Tensor( \| None)?", ast.unparse(a)) for a in annotations):
            yield node.name


def _is_said(forbidden: str, brief: str) -> bool:
    """Whether a word of the brief's line 'Not allowed: …' is part of the forbidden name."""
    line = " ".join(re.findall(r"^- Not allowed:(.*(?:\n  .*)*)", brief, flags=re.MULTILINE)).lower()
    words = {word.replace("_", "") for word in re.findall(r"[a-z_]{4,}", line)} - {"torch", "functional", "under", "name"}
    return any(word in forbidden.lower().replace("_", "") for word in words)


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT))
