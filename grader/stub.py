"""The stub of an exercise: its solution with the answers erased, or bugs planted, by source span, so that layout survives."""

import ast
from collections.abc import Collection

ANSWER = "raise NotImplementedError"


def erase(source: str) -> str:
    """The stub that belongs to a solution.

    A public function keeps its signature and docstring; its body becomes `raise NotImplementedError`. Private names,
    private constants, and imports that only the answers needed go; `import torch` stays, since it gives nothing away.
    """
    lines = source.splitlines(keepends=True)
    for node in reversed(_outermost(ast.parse(source).body)):
        _replace(lines, *node)
    without_bodies = "".join(lines)
    return _tidy(_without_idle_imports(without_bodies, {"torch"}))


def plant(source: str, bugs: str, names: Collection[str] | None = None) -> str:
    """A solution with bugs put in: all those of the text `bugs`, or those of the given names.

    A bug is a function marked `@instead_of("function" or "Class.method")`. What it replaces keeps its signature and
    docstring; its body, comments too, becomes the bug's. Imports that only the right body needed go. Raises ValueError.
    """
    lines = source.splitlines(keepends=True)
    targets = _functions(ast.parse(source))
    bodies: dict[str, list[str]] = {}
    for bug in ast.parse(bugs).body:
        if isinstance(bug, ast.FunctionDef) and bug.decorator_list and (names is None or bug.name in names):
            target = ast.literal_eval(bug.decorator_list[0].args[0])  # type: ignore[attr-defined]
            if target not in targets:
                raise ValueError(f"{bug.name} replaces {target}, which the solution does not define")
            if target in bodies:
                raise ValueError(f"{bug.name} replaces {target}, and so does another bug")
            right, wrong = _parameters(targets[target]), _parameters(bug)
            if right != wrong:
                raise ValueError(f"{bug.name} should have the parameters of {target}: {', '.join(right)}")
            bodies[target] = _body_lines(bug, bugs, indent=_indent(targets[target]))
    for target, body in sorted(bodies.items(), key=lambda item: -targets[item[0]].lineno):
        first, last = _whole_body(targets[target], lines)
        lines[first - 1 : last] = body
    return _tidy(_without_idle_imports("".join(lines)))


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Functions under their names, methods as 'Class.method'."""
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for owner in tree.body:
        if isinstance(owner, ast.ClassDef):
            found |= {f"{owner.name}.{node.name}": node for node in owner.body if isinstance(node, ast.FunctionDef)}
    return found


def _parameters(function: ast.FunctionDef) -> list[str]:
    every = function.args
    return [argument.arg for argument in (*every.posonlyargs, *every.args, *every.kwonlyargs)]


def _indent(function: ast.FunctionDef) -> str:
    return " " * function.body[0].col_offset


def _body_lines(bug: ast.FunctionDef, text: str, indent: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    first, last = _whole_body(bug, lines)
    return [indent + line.removeprefix(_indent(bug)) if line.strip() else line for line in lines[first - 1 : last]]


def _whole_body(function: ast.FunctionDef, lines: list[str]) -> tuple[int, int]:
    """First and last line of what stands under the docstring, with the comments before and after the statements."""
    inside = lambda line: line.lstrip().startswith("#") and line.startswith(_indent(function))
    first, last = function.body[0].lineno, function.end_lineno or function.lineno
    if ast.get_docstring(function) is not None:
        first = (function.body[0].end_lineno or first) + 1
    else:
        while inside(lines[first - 2]):
            first -= 1
    while last < len(lines) and inside(lines[last]):
        last += 1
    return first, last


def _without_idle_imports(source: str, kept: Collection[str] = ()) -> str:
    lines, tree = source.splitlines(keepends=True), ast.parse(source)
    used = {*kept} | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for statement in reversed(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            _prune(lines, statement, used)
    return "".join(lines)


def _outermost(body: list[ast.stmt]) -> list[tuple[int, int, str]]:
    """Spans (first line, last line, replacement), in order, none inside another."""
    spans: list[tuple[int, int, str]] = []
    for node in body:
        if isinstance(node, ast.FunctionDef) and _is_public(node.name):
            spans.append(_body_span(node))
        elif isinstance(node, ast.ClassDef) and _is_public(node.name):
            spans += _outermost(node.body)
        elif _is_private(node):
            spans.append((_first_line(node), node.end_lineno or node.lineno, ""))
    return spans


def _is_public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _is_private(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return True  # the public ones were met before
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return bool(targets) and all(isinstance(target, ast.Name) and target.id.startswith("_") for target in targets)


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _body_span(function: ast.FunctionDef) -> tuple[int, int, str]:
    first = function.body[0]
    indent = " " * first.col_offset
    if ast.get_docstring(function) is None:
        return first.lineno, function.end_lineno or first.lineno, f"{indent}{ANSWER}\n"
    return (first.end_lineno or first.lineno) + 1, function.end_lineno or first.lineno, f"{indent}{ANSWER}\n"


def _replace(lines: list[str], first: int, last: int, text: str) -> None:
    if first > last:  # a docstring was the whole body: insert after it
        last = first - 1
    lines[first - 1 : last] = [text] if text else []


def _prune(lines: list[str], statement: ast.Import | ast.ImportFrom, used: set[str]) -> None:
    kept = [alias for alias in statement.names if (alias.asname or alias.name.split(".")[0]) in used]
    if len(kept) == len(statement.names):
        return
    last = statement.end_lineno or statement.lineno
    if not kept:
        lines[statement.lineno - 1 : last] = []
        return
    names = ", ".join(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in kept)
    start = (
        f"from {'.' * statement.level}{statement.module or ''} import" if isinstance(statement, ast.ImportFrom) else "import"
    )
    lines[statement.lineno - 1 : last] = [f"{start} {names}\n"]


def _tidy(text: str) -> str:
    """At most two blank lines in a row, one inside a class, none at either end."""
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    kept: list[str] = []
    for index, line in enumerate(lines):
        if not line:
            following = next((later for later in lines[index:] if later), "")
            most = 1 if following.startswith((" ", "\t")) or following.startswith(("import ", "from ")) else 2
            if len(kept) >= most and not any(kept[-most:]):
                continue
        kept.append(line)
    return "\n".join(kept) + "\n"
