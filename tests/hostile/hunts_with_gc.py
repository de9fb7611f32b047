# expects: failed or tampered
# Looks through all objects in memory for a function that knows the answer.
import contextlib
import gc
import types

import torch

known = []


def attention(q, k, v, mask=None, is_causal=False):
    if not known:
        functions = [found for found in gc.get_objects() if isinstance(found, types.FunctionType)]
        known.extend(found for found in functions if found.__name__ in ("attention", "by_definition"))
    for found in known:
        if found.__code__ is not OWN:
            with contextlib.suppress(Exception):
                return found(q, k, v, True if mask is None else mask)
    return torch.zeros_like(q)


OWN = attention.__code__
