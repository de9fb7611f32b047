"""The stub of an exercise: its solution with the answers erased, by source span, so that comments and layout survive."""

import ast

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
    lines = without_bodies.splitlines(keepends=True)
    tree = ast.parse(without_bodies)
    used = {"torch"} | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.value.id for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    for statement in reversed(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            _prune(lines, statement, used)
    return _tidy("".join(lines))


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
