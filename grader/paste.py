"""Values as text that pastes into a REPL: what a counterexample is written in."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

LARGEST = 150  # elements; a longer tensor is described, since nobody thinks about it number by number


def paste(value: object) -> str:
    """A Python expression for `value`, exact for what properties draw; a comment-like description where none is short."""
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, list):
        return f"[{', '.join(map(paste, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(paste, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{paste(key)}: {paste(item)}" for key, item in value.items()) + "}"
    if isinstance(value, torch.dtype):
        return str(value)
    if isinstance(value, type):
        return value.__name__
    text = repr(value)
    return text if len(text) < 4000 else text[:4000] + "…"


def _tensor(x: Tensor) -> str:
    kind = str(x.dtype)
    if x.numel() > LARGEST:
        return f"<{kind} tensor of shape {list(x.shape)}>"
    values = _nested(x.detach().cpu().tolist())
    natural = torch.tensor(x.detach().cpu().tolist()).dtype if x.numel() else torch.float32
    text = f"torch.tensor({values})" if x.dtype == natural else f"torch.tensor({values}, dtype={kind})"
    if x.numel() == 0 and x.ndim > 1:
        text += f".reshape({list(x.shape)})"
    return text + (".requires_grad_()" if x.requires_grad and x.is_leaf else "")


def _nested(values: object) -> str:
    if isinstance(values, list):
        return f"[{', '.join(map(_nested, values))}]"
    if isinstance(values, float):
        if not math.isfinite(values):
            return f"float('{values}')"
        return repr(values) if values == round(values, 4) else f"{values:.7g}"
    return repr(values)


def first_difference(got: object, expected: object) -> str:
    """Where two tensors of one shape first differ: 'first difference at [0, 2]: got 1.0, expected 2.0'; else nothing."""
    if not (isinstance(got, Tensor) and isinstance(expected, Tensor)) or got.shape != expected.shape or got.numel() == 0:
        return ""
    one, other = got.detach().cpu().double(), expected.detach().cpu().double()
    scale = other.abs().nan_to_num().clamp(min=1.0)
    differs = ~((one - other).abs() <= 1e-6 * scale) & (one != other)
    if not differs.any():
        return ""
    index = differs.nonzero()[0].tolist()
    return f"first difference at {index}: got {one[tuple(index)].item():.6g}, expected {other[tuple(index)].item():.6g}"
