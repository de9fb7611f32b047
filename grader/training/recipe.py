"""What a run is: the model's size, the text it sees, the rates, and every trick with its switch. Imports no torch."""

import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any


class RunError(Exception):
    """A run can't be started, continued or stored; the message says why, in one line."""


def trick(description: str) -> Any:
    return field(default=True, metadata={"trick": description})


@dataclass(frozen=True)
class Recipe:
    """One run. With the same recipe, text and number of threads, a run on the CPU repeats bit for bit."""

    vocab: int  # 256: bytes; more: byte-level BPE, learned from the training text
    context: int
    layers: int
    heads: int
    width: int
    steps: int
    batch: int  # windows in a step, over all processes
    micro_batch: int  # windows in one forward pass of one process
    learning_rate: float  # of AdamW
    muon_rate: float  # of Muon, for the matrices
    dropout: float = 0.0
    tied: bool = False  # one matrix for embedding and output
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0  # the largest norm of a gradient
    held_out: int = 8192  # tokens by which a run is judged
    seed: int = 0

    schedule: bool = trick("warm-up, then half a cosine down to zero, in place of a constant rate")
    init: bool = trick("output projections zero, small in a tied model, so that every block begins as the identity")
    muon: bool = trick("Muon for the matrices, in place of AdamW for everything")
    rope: bool = trick("rotary positions, in place of learned ones")
    qk_norm: bool = trick("queries and keys of unit size, so that no score explodes")
    squared_relu: bool = trick("squared ReLU, in place of GELU")
    short_first: bool = trick("short windows first, more of them at a time")
    small_first: bool = trick("small batches first, while every gradient says the same")
    fused: bool = trick("torch's fused attention, loss and optimizer, in place of the exercises' own")

    @property
    def warmup(self) -> int:
        """Steps until the full rate."""
        return max(1, self.steps // 20)

    @property
    def log_every(self) -> int:
        return max(1, self.steps // 100)

    @property
    def check_every(self) -> int:
        """Steps between two losses on held-out text, samples and checkpoints."""
        return max(1, self.steps // 10)

    def shape(self, step: int) -> tuple[int, int]:
        """(windows, context) of a step from 0. The tokens in a step grow from a quarter to the whole within a third of the run,
        the context from a quarter to the whole within half of it; powers of two, so that a compiler sees few shapes."""
        done = step / self.steps
        shorter = 1 if not self.short_first else 4 if done < 0.25 else 2 if done < 0.5 else 1
        fewer = 1 if not self.small_first else 4 if done < 0.15 else 2 if done < 0.3 else 1
        return max(1, self.batch * shorter // fewer), self.context // shorter

    def tokens(self, steps: int) -> int:
        """How many the first `steps` steps see."""
        return sum(windows * context for windows, context in map(self.shape, range(steps)))

    def but(self, **changes: Any) -> "Recipe":
        return replace(self, **changes)

    def without(self, *names: str) -> "Recipe":
        """With these tricks switched off."""
        return self.but(**dict.fromkeys(names, False))

    def checked(self, processes: int = 1) -> "Recipe":
        """Itself. Raises RunError where no run could have this recipe."""
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise RunError(f"{name} is at least {least}, not {getattr(self, name)}")
        for name in ("learning_rate", "muon_rate", "clip"):
            if not 0 < getattr(self, name) < math.inf:  # written so that NaN is refused too
                raise RunError(f"{name} is a positive number, not {getattr(self, name)}")
        if not 0 <= self.dropout < 1 or not 0 <= self.weight_decay < 1:
            raise RunError(f"dropout {self.dropout} and weight_decay {self.weight_decay} lie between 0 and 1")
        if self.width % self.heads or (self.rope and self.width // self.heads % 2):
            raise RunError(f"a width of {self.width} does not part into {self.heads} heads of an even size")
        if self.short_first and self.context % 4:
            raise RunError(f"a context of {self.context} has no quarter to begin with: --without short_first")
        for step in range(self.steps):
            if self.shape(step)[0] % processes:
                raise RunError(f"{self.shape(step)[0]} windows of step {step + 1} do not part among {processes} processes")
        return self

    def to_dict(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))

    @staticmethod
    def from_dict(saved: dict[str, Any]) -> "Recipe":
        """Raises TypeError or KeyError for what is no recipe."""
        return Recipe(**{**saved, "betas": tuple(saved["betas"])})


LEAST = {"vocab": 256, "seed": 0} | dict.fromkeys(
    ("context", "layers", "heads", "width", "steps", "batch", "micro_batch", "held_out"), 1
)
TRICKS = {each.name: str(each.metadata["trick"]) for each in fields(Recipe) if "trick" in each.metadata}


def textbook(recipe: Recipe) -> Recipe:
    """The same model without a trick: AdamW at a constant rate from torch's default initialisation."""
    return recipe.without(*TRICKS)


PRESETS = {
    "tiny": Recipe(
        vocab=256, context=128, layers=4, heads=4, width=128, steps=220, batch=16, micro_batch=64,
        learning_rate=1e-2, muon_rate=0.04,
    ),
    "small": Recipe(
        vocab=256, context=256, layers=6, heads=6, width=384, steps=2000, batch=32, micro_batch=128, dropout=0.1,
        learning_rate=2e-3, muon_rate=0.02,
    ),
    "gpt2": Recipe(
        vocab=50304, context=1024, layers=12, heads=12, width=768, steps=5000, batch=512, micro_batch=32, tied=True,
        learning_rate=2e-3, muon_rate=0.02, held_out=1 << 20,
    ),
}  # fmt: skip
