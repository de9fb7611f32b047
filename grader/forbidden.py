"""Refuses what an exercise forbids, however a submission reaches it, and says on which line.

Four nets. A scan of the source resolves dotted names through its imports. While the submission runs, a torch function mode
meets every call of torch's Python face: aliases, `getattr`, tensor methods, `torch.ops`, private modules, and threads
that the submission starts. And while it runs, the forbidden classes cannot be built. In the audit, where no property needs
them, the operators themselves refuse: that meets TorchScript, a backward method, and a function mode that was switched off.

What can still slip: code that takes these nets down, which Python cannot prevent in its own process.
"""

import _thread
import ast
import functools
import importlib
import inspect
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Forbidden(BaseException):
    """A submission reached an operator that its exercise rules out. No Exception, so that it is not swallowed by chance."""


def scan(source: str, forbids: list[str]) -> str | None:
    """The first forbidden name that the text uses, with its line: 'torch.dropout (line 7)'; None for a clean text.

    Raises SyntaxError or ValueError where the source is no Python.
    """
    tree = ast.parse(source)
    names = dict(_imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            used = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute | ast.Name):
            used = [_resolved(node, names)]
        else:
            continue
        for name in used:
            if name in forbids:
                return f"{name} (line {node.lineno})"
    return None


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0], alias.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _resolved(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        owner = _resolved(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


@dataclass
class Guard:
    """Stands around a submission: watches for forbidden operators, and puts back the global state of torch."""

    file: str
    forbids: list[str]
    found: list[Forbidden] = field(default_factory=list)
    depth: int = 0

    def __post_init__(self) -> None:
        self.leaves = {name.rpartition(".")[2] for name in self.forbids}
        for name in self.forbids:
            forbidden_class = _lookup(name)
            if isinstance(forbidden_class, type):
                self._close(forbidden_class, name)
        if self.forbids:
            self._watch_threads()

    def refuse(self, name: str) -> None:
        """Raises Forbidden, and remembers it, should the submission swallow it."""
        why = Forbidden(f"{name}{self._line()} is not allowed here")
        self.found.append(why)
        raise why

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call a function of the submission. Raises Forbidden, or whatever the function raises."""
        if self.depth:
            return function(*arguments, **named)
        before = _state()
        self.depth += 1
        try:
            if not self.forbids:
                return function(*arguments, **named)
            with _Watch(self):
                return function(*arguments, **named)
        finally:
            self.depth -= 1
            _restore(before)
            self.check()

    def check(self) -> None:
        if self.found:
            raise self.found[0]

    def close_operators(self) -> None:
        """For a worker in which nobody else needs the forbidden operators: from now on they refuse whoever calls them."""
        self.library = torch.library.Library("aten", "IMPL")  # what it registers is gone when it is
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch finds it odd
            for name in self.leaves:
                packet = getattr(torch.ops.aten, name, None)
                for overload in packet.overloads() if packet else ():
                    for key in ("CPU", "AutogradCPU", "CUDA", "AutogradCUDA"):
                        self.library.impl(getattr(packet, overload), lambda *_, name=name, **__: self.refuse(name), key)

    def wrap(self, module: ModuleType, names: list[str]) -> None:
        """Stand in front of the module's public functions and of the methods of its public classes."""
        for name in names:
            value = getattr(module, name)
            if isinstance(value, FunctionType):
                setattr(module, name, self._guarded(value))
            elif isinstance(value, type):
                for method, code in list(vars(value).items()):
                    if isinstance(code, FunctionType):
                        setattr(value, method, self._guarded(code))

    def _guarded(self, function: FunctionType) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):
            return function  # its body runs at `next`, when no call of ours is open

        @functools.wraps(function)
        def guarded(*arguments: Any, **named: Any) -> Any:
            return self.call(function, *arguments, **named)

        return guarded

    def _close(self, forbidden_class: type, name: str) -> None:
        build = forbidden_class.__init__  # type: ignore[misc]

        @functools.wraps(build)
        def guarded(instance: object, *arguments: Any, **named: Any) -> None:
            if self.depth or threading.current_thread() is not threading.main_thread():
                self.refuse(name)
            build(instance, *arguments, **named)

        forbidden_class.__init__ = guarded  # type: ignore[misc]

    def _watch_threads(self) -> None:
        """A mode is per thread: whatever thread starts from now on, starts watched. Properties start none."""
        guard = self
        bootstrap: Callable[..., None] = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]
        start = _thread.start_new_thread

        def watched_bootstrap(thread: threading.Thread) -> None:
            with _Watch(guard):
                bootstrap(thread)

        def watched_start(function: Callable[..., object], *arguments: Any) -> int:
            def body(*positional: Any, **named: Any) -> None:
                with _Watch(guard):
                    function(*positional, **named)

            return start(body, *arguments)

        threading.Thread._bootstrap_inner = watched_bootstrap  # type: ignore[attr-defined]
        _thread.start_new_thread = watched_start

    def _line(self) -> str:
        frame = sys._getframe()
        while frame is not None:
            if frame.f_code.co_filename == self.file:
                return f" (line {frame.f_lineno})"
            frame = frame.f_back  # type: ignore[assignment]
        return ""


class _Watch(TorchFunctionMode):
    def __init__(self, guard: Guard) -> None:
        super().__init__()
        self.guard = guard

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "").split(".")[0]  # 'dropout.default' is an overload of 'dropout'
        if name in self.guard.leaves:
            self.guard.refuse(name)
        return func(*args, **(kwargs or {}))


def _lookup(name: str) -> object:
    """What a dotted name stands for; None where this torch has no such thing."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            value = getattr(value, part, None)
        return value
    return None


State = tuple[bool, torch.dtype, int, bool, str, torch.device]


def _state() -> State:
    deterministic, precision = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
    threads, device = torch.get_num_threads(), torch.get_default_device()
    return torch.is_grad_enabled(), torch.get_default_dtype(), threads, deterministic, precision, device


def _restore(before: State) -> None:
    if before == _state():
        return
    grad, dtype, threads, deterministic, precision, device = before
    if device != torch.get_default_device():
        torch.set_default_device(device)
    torch.set_grad_enabled(grad)
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    torch.set_float32_matmul_precision(precision)  # a processor with bfloat16 units would round every product
