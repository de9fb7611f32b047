# expects: failed or tampered
# Looks through all objects in memory for a function that knows the answer.
import contextlib
import gc
import types

import torch


def attention(q, k, v, mask=None, is_causal=False):
    for found in gc.get_objects():
        if (
            isinstance(found, types.FunctionType)
            and found.__name__ in ("attention", "by_definition")
            and found.__code__ is not ME
        ):
            with contextlib.suppress(Exception):
                return found(q, k, v, True if mask is None else mask)
    return torch.zeros_like(q)


ME = attention.__code__
