"""What the audit, the diagnosis and the clock ask of a submission."""

import operator
from collections.abc import Callable
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from grader.kit import refuses, workload


def torch_value(data: float) -> Tensor:
    return torch.tensor(float(data), dtype=torch.float64, requires_grad=True)


def told(*values: Any) -> dict[str, Tensor]:
    """The data and the gradients of Values, or of what torch has in their place."""
    gradients = [0.0 if value.grad is None else float(value.grad) for value in values]
    return {
        "data": torch.tensor([float(value.data) for value in values], dtype=torch.float64),
        "gradients": torch.tensor(gradients, dtype=torch.float64),
    }


def program(random: Random, values: list[Any], steps: int) -> Any:
    """A random sequence of operations over `values`, each on what came shortly before and on any of them; it stays bounded."""
    last = values[0]
    for _ in range(steps):
        other = random.choice(values)
        match random.randrange(6):
            case 0:
                last = (last + other) * 0.5
            case 1:
                last = (last * other).tanh() - 0.25
            case 2:
                last = last / (other * other + 1)
            case 3:
                last = (1.5 - last).relu() + other * 0.25
            case 4:
                last = (last.tanh() - 1).exp() * other
            case 5:
                last = (last * last + 1).log() + (other.tanh() + 2) ** -0.5
    return last


@workload(beside=SimpleNamespace(Value=torch_value), time=1, operations=[2**9, 2**10, 2**11, 2**12])
def a_long_program(submission: ModuleType, seed: int, operations: int) -> dict[str, Tensor]:
    """The one that is timed: forward and backward. No memory is declared, since the clock counts that of tensors alone."""
    random = Random(seed)
    leaves = [submission.Value(random.uniform(-2, 2)) for _ in range(8)]
    result = program(random, leaves, operations)
    result.backward()
    return told(*leaves)


def apart(submission: ModuleType, functions: dict[str, Callable[..., Any]], *numbers: float) -> dict[str, Tensor]:
    """What each function makes of fresh Values; each by itself, so that one error does not hide the others."""
    found = {}
    for name, function in functions.items():
        values = [submission.Value(number) for number in numbers]
        try:
            result = function(*values)
            result.backward()
        except (ArithmeticError, ValueError, RecursionError) as why:
            found[f"{name}: {type(why).__name__}"] = torch.ones(1)
        else:
            found |= {f"{name}: {what}": tensor for what, tensor in told(result, *values).items()}
    return found


BINARY = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@workload()
def single_operations(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    functions = BINARY | {"exp": lambda a, b: a.exp(), "log": lambda a, b: (a * a).log(), "tanh": lambda a, b: a.tanh()}
    functions |= {"relu": lambda a, b: a.relu(), "neg": lambda a, b: -a}
    functions |= {f"** {n}": lambda a, b, n=n: (a * a) ** n for n in (-2, -0.5, 0, 1, 1.5, 3)}
    random = Random(seed)
    first, second = ([random.uniform(0.5, 2) * sign for sign in signs] for signs in ((1, -1), (-1, 1)))
    found = apart(submission, functions, *first)
    return found | {f"again {name}": value for name, value in apart(submission, functions, *second).items()}


@workload()
def numbers_on_either_side(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    functions = {f"a {name} n": lambda a, f=f: f(a, 3) for name, f in BINARY.items()}
    functions |= {f"n {name} a": lambda a, f=f: f(3, a) for name, f in BINARY.items()}
    return apart(submission, functions | {"sum": lambda a: sum([a, a * 2, a * 3])}, Random(seed).uniform(0.5, 2))


@workload()
def parts_that_are_shared(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    def ladder(a: Any) -> Any:
        shared = far = a * 2
        for _ in range(4):
            far = far * 0.5 + shared
        return shared + far * shared

    functions = {f"a {name} a": lambda a, f=f: f(a, a) for name, f in BINARY.items()}
    return apart(submission, functions | {"ladder": ladder}, Random(seed).uniform(0.5, 2))


@workload()
def edges(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Zero and large numbers, and a chain deeper than Python's stack."""
    functions = {"relu": lambda a: a.relu(), "** 0": lambda a: a**0, "** 1": lambda a: a**1, "** 2": lambda a: a**2}
    found = apart(submission, functions, 0.0)
    found |= {f"large {name}": value for name, value in apart(submission, {"tanh": lambda a: a.tanh()}, 500.0).items()}

    def chain(a: Any) -> Any:
        end = a
        for _ in range(3_000):
            end = end + 0.5
        return end

    return found | apart(submission, {"chain": chain}, float(Random(seed).randint(-8, 8)))


@workload()
def backward_again(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Two results that share parts, one of them twice; everything in between is looked at, and what has no part in it."""
    random = Random(seed)
    a, b, idle = (submission.Value(random.uniform(0.5, 2)) for _ in range(3))
    shared = a * b
    one, other, unused = shared.tanh() + a, shared * shared, idle + a
    found = {}
    for step, result in enumerate((one, other, one)):
        result.backward()
        found |= {f"{step}: {name}": value for name, value in told(a, b, idle, shared, one, other, unused).items()}
    return found


@workload()
def kinds_of_numbers(submission: ModuleType, seed: int) -> dict[str, Tensor]:
    """Whether data and grad are floats, and what is refused."""
    a, half, zero = submission.Value(3), submission.Value(-0.5), submission.Value(0)
    results = (a, a + 1, a * 2, a**2, -a, 1 - a)
    return {
        "floats": torch.tensor([type(x) is float for v in results for x in (v.data, v.grad)]),
        "no numbers": torch.tensor([refuses(TypeError, f, a, thing) for f in BINARY.values() for thing in ("2", None)]),
        "exponents": torch.tensor([refuses(TypeError, pow, a, thing) for thing in (a, "2")]),
        "no logarithm": torch.tensor([refuses(ValueError, x.log) for x in (half, zero)]),
        "no power": torch.tensor([refuses(ValueError, pow, x, n) for x in (half, zero) for n in (0.5, 1.5)]),
        "no quotient": torch.tensor([refuses(ZeroDivisionError, operator.truediv, x, zero) for x in (a, 1)]),
    }
