# expects: failed
# Another process, where nothing watches, is to call the forbidden operator.
import os
import subprocess
import sys
import tempfile

import torch

PROGRAM = """
import sys, torch
q, k, v, mask = torch.load(sys.argv[1])
torch.save(torch.nn.functional.scaled_dot_product_attention(q, k, v, mask), sys.argv[1])
"""


def attention(q, k, v, mask=None, is_causal=False):
    allowed = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed.tril() if is_causal else allowed
    with tempfile.NamedTemporaryFile() as file:
        torch.save((q, k, v, allowed), file.name)
        subprocess.run([sys.executable, "-c", PROGRAM, file.name], check=True)
        output = torch.load(file.name)
    return output.masked_fill(~allowed.any(-1, keepdim=True), 0.0)
