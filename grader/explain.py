"""A failed property as a script of its own: what it needs of its module, the counterexample, its body."""

import ast

from grader.catalogue import Exercise
from grader.verdict import PropertyResult


def explain(exercise: Exercise, result: PropertyResult) -> str:
    """Python source that repeats the failure against the learner's file, with nothing of the grader but the kit."""
    source = exercise.tests.read_text(encoding="utf-8")
    tree = ast.parse(source)
    test = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == result.name)
    drawn = [line for line in result.counterexample.splitlines() if not line.startswith(("got = ", "expected = ", "#"))]
    lines = source.splitlines()
    parts = [
        f"# {result.name}: {result.claim}",
        "\n".join(["import torch", *(ast.get_source_segment(source, node) or "" for node in _needed(tree, test))]),
        "\n".join(["torch.manual_seed(0)", *drawn]),
        _dedented(lines[_first_line_of_code(test) - 1 : test.end_lineno]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _first_line_of_code(test: ast.FunctionDef) -> int:
    return test.body[1].lineno if ast.get_docstring(test) and len(test.body) > 1 else test.body[0].lineno


def _dedented(lines: list[str]) -> str:
    return "\n".join(line.removeprefix("    ") for line in lines)


def _needed(tree: ast.Module, test: ast.FunctionDef) -> list[ast.stmt]:
    """The statements of the module that the body of the property needs, in order; torch aside."""
    wanted = _names(test.body) - {"torch"}
    kept: list[ast.stmt] = []
    for node in reversed(tree.body):
        defined = _defined(node)
        if node is not test and defined & wanted:
            kept.append(node)
            wanted |= _names([node])
    return kept[::-1]


def _names(nodes: list[ast.stmt]) -> set[str]:
    return {child.id for node in nodes for child in ast.walk(node) if isinstance(child, ast.Name)}


def _defined(node: ast.stmt) -> set[str]:
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {(alias.asname or alias.name).split(".")[0] for alias in names}
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
    return set()
