"""The second witness: the workloads of an exercise, run on a submission far from its tests and compared by the trusted side.

A worker that holds the submission answers in raw bytes (`packed`); a worker that holds the solution reads them
(`unpacked`) and compares (`differing`).
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from grader.catalogue import Exercise
from grader.forbidden import Forbidden
from grader.kit import Disagreement, Submission, Workload, agrees
from grader.paste import difference
from grader.wire import Message, ProtocolError, told

# What the sums of a large workload may differ by between two right routes; the properties are stricter.
TOLERANCE = {torch.float32: 1e-4}
DTYPES = {str(dtype): dtype for dtype in (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
)}  # fmt: skip
LARGEST = 32 << 20  # bytes of one output


@dataclass
class Answer:
    """What a submission returned for one workload and one seed: its outputs, or the exception that it raised."""

    workload: str
    seed: int
    outputs: dict[str, Tensor] = field(default_factory=dict)
    error: str = ""


def workloads(exercise: Exercise) -> list[Workload]:
    """Those that are timed come last: they are large, and what tells a wrong answer should be small."""
    module = importlib.import_module(exercise.workloads)
    found = [value for value in vars(module).values() if isinstance(value, Workload)]
    return sorted(found, key=lambda workload: workload.is_timed)


def answers(exercise: Exercise, submission: Submission, seeds: list[int], timed: bool = True) -> Iterator[Answer]:
    """Every workload at its smallest size, once per seed; the timed ones if asked for. Raises Forbidden, MemoryError."""
    asked = (workload for workload in workloads(exercise) if timed or not workload.is_timed)
    return (answer(workload, submission, seed) for workload in asked for seed in seeds)


def answer(workload: Workload, submission: Submission, seed: int) -> Answer:
    try:
        return Answer(workload.name, seed, dict(workload(submission, seed, **workload.sizes[0])))
    except (Forbidden, MemoryError):
        raise
    except BaseException as why:
        return Answer(workload.name, seed, error=f"{type(why).__name__}: {told(str, why)}"[:2000])


def packed(answer: Answer) -> Iterator[tuple[Message, bytes]]:
    """An answer as messages: one that announces it, then one per output, whose body is the tensor's bytes."""
    yield {"event": "answer", "workload": answer.workload, "seed": answer.seed, "error": answer.error}, b""
    for name, value in answer.outputs.items():
        output: Message = {"event": "output", "name": str(name), "dtype": "", "shape": [], "problem": ""}
        try:
            data = _bytes(value)
        except Exception as why:
            yield output | {"problem": told(str, why)[:200] or type(why).__name__}, b""
        else:
            yield output | {"dtype": str(value.dtype), "shape": list(value.shape)}, data


def _bytes(value: Tensor) -> bytes:
    """Raises TypeError, or what torch raises, for what is no plain tensor of a size that can be sent."""
    if type(value) not in (Tensor, nn.Parameter):
        raise TypeError(f"a {type(value).__name__}, not a torch.Tensor")
    if value.layout is not torch.strided or str(value.dtype) not in DTYPES or value.is_meta or value.nbytes > LARGEST:
        raise TypeError(f"an unexpected tensor: {value.dtype}, {value.layout}, {value.device}, {list(value.shape)}")
    if value.numel() == 0:
        return b""  # a view of nothing may have strides that torch does not like to see again
    flat = value.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def unpacked(messages: list[tuple[Message, bytes]]) -> list[Answer]:
    """The answers that `packed` sent. Raises ProtocolError: the sender is not trusted."""
    found: list[Answer] = []
    for message, body in messages:
        try:
            if message["event"] == "answer":
                found.append(Answer(str(message["workload"]), int(message["seed"]), error=str(message["error"])))
            elif message["problem"]:
                found[-1].error = f"output {message['name']!r} is {str(message['problem'])[:200]}"
            else:
                found[-1].outputs[str(message["name"])] = _tensor(message, body)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError, RuntimeError) as why:
            raise ProtocolError(f"a reply that makes no sense: {why!r}"[:200]) from None
    return found


def _tensor(message: Message, body: bytes) -> Tensor:
    dtype, shape = DTYPES[message["dtype"]], [int(length) for length in message["shape"]]
    if any(length < 0 for length in shape) or len(shape) > 16:
        raise ValueError("an impossible shape")
    if not body:
        return torch.empty(shape, dtype=dtype) if 0 in shape else torch.empty(-1)
    return torch.frombuffer(bytearray(body), dtype=dtype).reshape(shape)


def differing(got: Answer, expected: Answer) -> dict[str, Disagreement]:
    """By output, how `got` differs from `expected`, or under '' where either is an exception. A right answer gives {}."""
    if got.error or expected.error:
        same = got.error.split(":")[0] == expected.error.split(":")[0]
        return {} if same else {"": Disagreement(got.error, expected.error)}
    found = {}
    for name, value in expected.outputs.items():
        try:
            bound = TOLERANCE.get(value.dtype)
            agrees(got.outputs.get(name), value, atol=bound, rtol=bound)
        except Disagreement as why:
            found[name] = why
    return found


def described(why: Disagreement) -> str:
    """One line for a person."""
    if isinstance(why.got, str):
        return why.got or f"returned, where the reference raises {why.expected}"
    return difference(why.got, why.expected)


def likeness(got: list[Answer], right: list[Answer], other: list[Answer]) -> float:
    """How far `got` goes wrong as `other` does: of all outputs in which either differs from `right`, the share that agree.

    A workload that needs code which is not written yet tells nothing.
    """
    informative = alike = 0
    for mine, correct, wrong in zip(got, right, other, strict=True):
        names = differing(mine, correct).keys() | differing(wrong, correct).keys()
        if not names or mine.error.startswith("NotImplementedError"):
            continue
        apart = differing(mine, wrong).keys()
        whole = bool(mine.error or wrong.error or correct.error)
        informative += 1 if whole else len(names)
        alike += int(not apart) if whole else len(names - apart)
    return alike / informative if informative else 0.0
