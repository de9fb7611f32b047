"""Generic mutants of a solution: one small change each, of the kinds that any program may suffer.

The operators are few on purpose: another operator, another constant, another dim, a call dropped, a condition negated or
forced, a keyword argument forgotten. Kept mutation libraries rewrite files and run a test command per mutant; here a
mutant is a syntax tree, judged in a fork that has torch already.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A changed solution. Its name says where and what: 'dropout: p < 1 → p <= 1'."""

    name: str
    function: str  # the function or method that was changed
    tree: ast.Module = field(repr=False)
    old: ast.AST = field(repr=False)
    new: ast.AST = field(repr=False)

    @property
    def source(self) -> str:
        memo: dict[int, object] = {}
        copied = copy.deepcopy(self.tree, memo)
        replaced = _Replacement(memo[id(self.old)], copy.deepcopy(self.new)).visit(copied)  # type: ignore[arg-type]
        return ast.unparse(ast.fix_missing_locations(replaced))


def mutants(source: str) -> list[Mutant]:
    """Every mutant of every function in `source`, each name once. Docstrings, annotations and messages are left alone."""
    tree = ast.parse(source)
    found: dict[str, Mutant] = {}
    for function, where in _functions(tree, ""):
        for node in _inside(function):
            for changed in _changes(node):
                before, after = _shown(node), _shown(changed)
                if before == after:
                    continue
                name = f"{where}: {before} → {after}"
                number = 2
                while name in found:  # the same text twice in one function
                    name = f"{where}: {before} → {after} ({number})"
                    number += 1
                found[name] = Mutant(name, where, tree, node, changed)
    return list(found.values())


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[ast.FunctionDef, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield child, prefix + child.name
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")


def _inside(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of the body, and the defaults, that a mutation may touch: not docstrings, annotations, or raised errors."""
    waiting: list[ast.AST] = [*function.args.defaults, *(d for d in function.args.kw_defaults if d), *function.body]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        yield node
        waiting += [child for name, child in _children(node) if name not in ("annotation", "returns")]


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield name, child


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """The replacements of one node."""
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in SWAPS:
            yield _altered(node, op=SWAPS[type(op)]())
        case ast.BoolOp(op=op):
            yield _altered(node, op=SWAPS[type(op)]())
        case ast.Compare(ops=[*ops]):
            for index, comparison in enumerate(ops):
                if type(comparison) in SWAPS:
                    yield _altered(node, ops=[*ops[:index], SWAPS[type(comparison)](), *ops[index + 1 :]])
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.If(test=test):
            yield _altered(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=args, keywords=keywords):
            if not (isinstance(value, ast.Name) and value.id in ("torch", "nn", "F", "math")):
                yield value  # x.clamp(0) → x
            elif args:
                yield args[0]  # torch.exp(x) → x
            if attr in ("sum", "mean"):
                yield _altered(node, func=ast.Attribute(value, "mean" if attr == "sum" else "sum", ast.Load()))
            for index, _ in enumerate(keywords):
                yield _altered(node, keywords=[*keywords[:index], *keywords[index + 1 :]])


def _altered(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _shown(node: ast.AST) -> str:
    """The node as text; of a compound statement only its head."""
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).splitlines()[0]


class _Replacement(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)
