"""What the author of an exercise writes with: inputs, comparisons, mistakes and workloads."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from types import ModuleType, SimpleNamespace
from typing import Any
from zlib import crc32

import torch
from hypothesis import HealthCheck, Phase, register_random, settings
from hypothesis import strategies as st
from torch import Tensor, isclose, nn

Submission = ModuleType | SimpleNamespace


def normal(seed: int, *shape: int) -> Tensor:
    """Standard normal float32, the same for the same seed on every device, without touching torch's global generator."""
    return _placed(torch.randn(shape, generator=torch.Generator().manual_seed(seed), device="cpu"))


def quarters(seed: int, *shape: int) -> Tensor:
    """Float32 multiples of 1/4 in [-2, 2], which print and paste without rounding."""
    return _placed(torch.randint(-8, 9, shape, generator=torch.Generator().manual_seed(seed), device="cpu") / 4)


def _placed(x: Tensor) -> Tensor:
    device = torch.get_default_device()
    return x if device.type == "cpu" else x.to(device)


def scattered(x: Tensor) -> Tensor:
    """The same values, in a view whose axes lie in memory in reverse, with gaps."""
    reverse = tuple(range(x.ndim))[::-1]
    return torch.stack([x.permute(reverse)] * 2, -1)[..., 0].permute(reverse)


def codes(text: str) -> Tensor:
    """The code points of a text, int64 [characters]: the form in which a workload returns text."""
    return torch.tensor([ord(character) for character in text], dtype=torch.int64)


def words(seed: int, length: int, distinct: int = 3) -> list[str]:
    """A sentence of `length` words, drawn from the first `distinct` letters: small enough for n-grams to repeat."""
    drawn = torch.randint(distinct, (length,), generator=torch.Generator().manual_seed(seed), device="cpu")
    return [chr(ord("a") + letter) for letter in drawn.tolist()]


@cache
def built_in_text() -> str:
    """Python's language reference, about 465,000 characters: real text that every machine has."""
    from pydoc_data import topics  # takes a while to import, and few exercises read it

    return "\n".join(topics.topics.values())


def filled(module: nn.Module, seed: int, scale: float = 0.25, draw: Callable[..., Tensor] = quarters) -> nn.Module:
    """The module with every parameter drawn anew: `scale` times `draw`, decided by the seed and the parameter's name.

    Modules whose parameters have the same names get the same values, in whatever order they were registered; what one has
    besides disturbs nothing. Where a tensor has several names, the first in the alphabet decides.
    """
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters(remove_duplicate=False), key=itemgetter(0), reverse=True):
            parameter.copy_(scale * draw(seed + crc32(name.encode()), *parameter.shape))
    return module


def settled(module: nn.Module, seed: int) -> nn.Module:
    """`filled` from a normal distribution: no two values are alike, so no two outputs tie."""
    return filled(module, seed, 1.0, normal)


seeds = st.integers(0, 2**32 - 1)


@st.composite
def tensors(draw: st.DrawFn, axes: str, longest: int = 6) -> Tensor:
    """Float32 tensors of `quarters`; `axes` names one drawn length each, and "..." stands for zero to three more.

    A draw costs more than a tensor, so the values take a single seed, and shrinking shortens the axes.
    """
    names = [name for axis in axes.split() for name in (range(draw(st.integers(0, 3))) if axis == "..." else [axis])]
    return quarters(draw(seeds), *(draw(st.integers(1, longest)) for _ in names))


@st.composite
def recurrent_calls(draw: st.DrawFn, gates: int, *steps: int) -> list[Tensor]:
    """x [batch, input], h [batch, h], w_ih, w_hh, b_ih, b_hh of a cell with so many gates, rows in torch's order.

    With `steps`, fewest and most, x is a sequence [time, batch, input].
    """
    batch, inputs, units, seed = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(seeds)
    time = [draw(st.integers(*steps))] if steps else []
    rows = gates * units
    shapes = [(*time, batch, inputs), (batch, units), (rows, inputs), (rows, units), (rows,), (rows,)]
    return [quarters(seed + number, *shape) for number, shape in enumerate(shapes)]


class Disagreement(AssertionError):
    """Two values that should agree; both travel with the failure, for the counterexample and the diagnosis."""

    def __init__(self, got: object, expected: object) -> None:
        super().__init__(got, expected)
        self.got, self.expected = got, expected

    def __str__(self) -> str:  # only when somebody reads it: a large tensor takes longer to print than to compare
        return f"got      {self.got}\nexpected {self.expected}"


# Rounding that two right answers may differ by. A sum in bfloat16 or float16 is only as good as its largest term.
TOLERANCE = {torch.float64: 1e-7, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 3e-2}


def agrees(got: object, expected: object, atol: float | None = None, rtol: float | None = None) -> None:
    """Same type, shape, dtype and values up to rounding. NaN agrees with nothing.

    For tensors and numbers; `atol` and `rtol` have defaults by dtype, and mean what they mean in torch.isclose. Raises
    Disagreement. (torch.testing.assert_close is ten times slower here, and its first call imports torch.distributed.)
    """
    if isinstance(expected, Tensor):
        bound = TOLERANCE.get(expected.dtype, 0.0)
        agree = (
            isinstance(got, Tensor)
            and type(got) in (Tensor, nn.Parameter)  # a subclass could claim to equal everything
            and _close(got, expected, bound if rtol is None else rtol, bound if atol is None else atol)
        )
    elif isinstance(expected, float):
        margin = (1e-9 if atol is None else atol) + (1e-9 if rtol is None else rtol) * abs(expected)
        agree = type(got) is float and (got == expected or abs(got - expected) <= margin < math.inf)
    else:
        agree = type(got) is type(expected) and got == expected
    if not agree:
        raise Disagreement(got, expected)


def _close(got: Tensor, expected: Tensor, rtol: float, atol: float) -> bool:
    if (got.shape, got.dtype, got.device) != (expected.shape, expected.dtype, expected.device):
        return False
    return bool(isclose(got.detach(), expected.detach(), rtol, atol).all())


def gradients(output: Tensor, *inputs: Tensor, seed: int = 0) -> tuple[Tensor, ...]:
    """The gradient of `output` along one random direction, by each of `inputs`; zeros where it does not depend on one.

    A sum of outputs would hide what cancels (the rows of a softmax sum to one), a random direction does not.
    """
    return gradients_along(quarters(seed, *output.shape).to(output.dtype), output, *inputs)


def gradients_along(direction: Tensor, output: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    """The same along a direction that is given."""
    # As a sum, and not as grad's third argument: the first use of that imports sympy, which takes longer than a grading.
    found = torch.autograd.grad((output * direction).sum(), inputs, allow_unused=True)
    return tuple(torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True))


def with_gradients(results: dict[str, Tensor], names: Sequence[str], inputs: Sequence[Tensor]) -> dict[str, Tensor]:
    """A workload's results, and by each named input the gradient of the sum of their squares, a row counting one.

    No direction has to be drawn for it, and nothing cancels.
    """
    loss = torch.stack([result.square().sum() / len(result) for result in results.values()]).sum()
    found = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
    return results | {f"gradient_{name}": gradient for name, gradient in zip(names, found, strict=True)}


def refuses(error: type[Exception], function: Callable[..., Any], *arguments: Any, **named: Any) -> bool:
    """Whether the call raises `error`; any other exception passes through."""
    try:
        function(*arguments, **named)
    except NotImplementedError:  # not written yet: no refusal, although it is a RuntimeError
        raise
    except error:
        return True
    return False


def costly(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a property that takes seconds: it is held last, and only when all others hold. Outermost decorator."""
    test.costly = True  # type: ignore[attr-defined]
    return test


@dataclass(frozen=True)
class Mistake:
    """A typical wrong `function`, and the name in the solution that it `replaces`: 'name' or 'Class.method'.

    A mistake that no property can tell from another (different lines, the same wrong results) names that one as its twin.
    """

    replaces: str
    function: Callable[..., Any]
    twin_of: str | None = None

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def lesson(self) -> str:
        return " ".join((self.function.__doc__ or "").split())


def instead_of(name: str, twin_of: str | None = None) -> Callable[[Callable[..., Any]], Mistake]:
    return lambda function: Mistake(name, function, twin_of)


@dataclass(frozen=True)
class Equivalent:
    """A generic mutant, by the name that `check` prints, which changes nothing that a property may ask for, and why."""

    mutant: str
    reason: str


@dataclass(frozen=True)
class Workload:
    """Author's code that puts a submission to work and returns what every right answer must return alike."""

    function: Callable[..., dict[str, Tensor]]
    beside: SimpleNamespace | None = None  # torch's own operators, under the names that the submission gives them
    time: float | None = None  # the exponent by which time is expected to grow along the axes
    memory: float | None = None
    sizes: list[dict[str, int]] = field(default_factory=lambda: [{}])

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def is_timed(self) -> bool:
        return self.sizes != [{}]

    def __call__(self, submission: Submission, seed: int, **size: int) -> dict[str, Tensor]:
        """Run under a seeded global generator, which is put back afterwards."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.function(submission, seed, **size)


def workload(
    beside: SimpleNamespace | None = None, time: float | None = None, memory: float | None = None, **axes: Sequence[int]
) -> Callable[[Callable[..., dict[str, Tensor]]], Workload]:
    """Each axis lists its lengths, smallest first; the first size of every axis makes the first run, and so on."""
    sizes = [dict(zip(axes, lengths, strict=True)) for lengths in zip(*axes.values(), strict=True)] or [{}]
    return lambda function: Workload(function, beside, time, memory, sizes)


class _TorchRandom:
    """Hypothesis seeds torch before every example, so every counterexample repeats."""

    seed = staticmethod(torch.default_generator.manual_seed)  # torch.manual_seed also formats a stack for absent devices
    getstate = staticmethod(torch.get_rng_state)
    setstate = staticmethod(torch.set_rng_state)


_torch_random = _TorchRandom()  # register_random keeps only a weak reference
register_random(_torch_random)

torch.set_num_threads(1)  # tiny tensors gain nothing from threads
practice = settings(
    deadline=None,  # a busy machine is not the learner's fault
    derandomize=True,
    database=None,
    max_examples=25,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("practice", practice)
settings.register_profile("interview", practice, derandomize=False)
# Only the names of what breaks count, so nothing is made small, and fewer examples will do: `scripts/chance.py` shows what they
# miss.
settings.register_profile("fingerprint", practice, max_examples=15, phases=[Phase.explicit, Phase.generate])
settings.register_profile("chance", settings.get_profile("fingerprint"), derandomize=False)
settings.load_profile("practice")
