"""Oral questions: what a card of interview.md holds, and the sums that it shows."""

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from grader.catalogue import Card

WORDS = range(60, 151)  # of a model answer
_LABELS = ("Listen for", "A common wrong answer", "Follow up", "Source")
_SUM = re.compile(r"`([\d\s,_.()+*/-]+)=\s*([\d,_.]+)`")
_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip


@dataclass(frozen=True)
class FollowUp:
    question: str
    answer: str


@dataclass(frozen=True)
class Question:
    """One card: the question, a model answer, and what an interviewer needs to judge another."""

    question: str
    answer: str
    listen_for: str
    wrong_answer: str
    follow_ups: tuple[FollowUp, ...]
    source: str


@dataclass(frozen=True)
class Sum:
    """`12 * 768**2 = 7,077,888`, as a card shows it."""

    expression: str
    shown: str

    @property
    def holds(self) -> bool:
        """Whether the expression has the value shown, to the digits shown. Raises ValueError where it is no arithmetic."""
        value = _value(ast.parse(_plain(self.expression), mode="eval").body)
        decimals = len(self.shown.partition(".")[2])
        return abs(value - float(_plain(self.shown))) <= 0.5000001 * 10**-decimals


def read(card: Card) -> Question:
    """The parts of a card. Raises ValueError that says what is missing."""
    answer, *parts = re.split(rf"^\*({'|'.join(_LABELS)}):\*\s*", card.body, flags=re.MULTILINE)
    found: dict[str, list[str]] = {label: [] for label in _LABELS}
    for label, text in zip(parts[::2], parts[1::2], strict=True):
        found[label].append(" ".join(text.split()))
    if not card.heading.endswith("?"):
        raise ValueError(f"'{card.heading}' should be a question")
    if len(answer.split()) not in WORDS:
        raise ValueError(f"'{card.heading}': the answer has {len(answer.split())} words, not {WORDS[0]} to {WORDS[-1]}")
    for label in _LABELS:
        if len(found[label]) != (2 if label == "Follow up" else 1):
            raise ValueError(f"'{card.heading}' has {len(found[label])} of *{label}:*")
    follow_ups = tuple(_follow_up(card.heading, text) for text in found["Follow up"])
    return Question(
        card.heading, answer.strip(), found["Listen for"][0], found["A common wrong answer"][0], follow_ups, found["Source"][0]
    )


def sums(text: str) -> Iterator[Sum]:
    for expression, shown in _SUM.findall(text):
        yield Sum(expression.strip(), shown)


def _follow_up(heading: str, text: str) -> FollowUp:
    question, dash, answer = text.partition("? — ")
    if not dash or not answer:
        raise ValueError(f"'{heading}': a follow up should read 'question? — answer.'")
    return FollowUp(question + "?", answer)


def _plain(number: str) -> str:
    return " ".join(number.replace(",", "").replace("_", "").split())  # a sum may be broken at the end of a line


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int(value) | float(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
    raise ValueError(f"no arithmetic: {ast.unparse(node)}")
