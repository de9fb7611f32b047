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


def difference(got: object, expected: object) -> str:
    """In one line, how two values differ: in kind, in dtype or shape, or first at some index."""
    if isinstance(got, Tensor) and type(got) not in (Tensor, torch.nn.Parameter):
        return f"got a {type(got).__name__}, expected a plain torch.Tensor"
    if not isinstance(got, Tensor) or not isinstance(expected, Tensor):
        return f"got {paste(got)}, expected {paste(expected)}"
    if got.dtype != expected.dtype or got.shape != expected.shape:
        form = lambda x: f"{x.dtype} of shape {list(x.shape)}"
        return f"got {form(got)}, expected {form(expected)}"
    one, other = got.detach().cpu().double(), expected.detach().cpu().double()
    distance = torch.where(one == other, 0.0, (one - other).abs()) / other.abs().nan_to_num().clamp(min=1.0)
    least = min(1e-6, float(distance.nan_to_num(torch.inf).max())) / 2  # so that at least one element differs
    index = (~(distance <= least)).nonzero()[0].tolist()
    where = f"first difference at {index}: " if index else ""
    mine, right = one[tuple(index)].item(), other[tuple(index)].item()
    if math.isnan(mine) and math.isnan(right):
        return f"{where}NaN on both sides, and NaN agrees with nothing"
    return f"{where}got {mine:.6g}, expected {right:.6g}"
