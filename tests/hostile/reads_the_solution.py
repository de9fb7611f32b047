# expects: failed
# Executes the reference, by every way to read a file that Python and torch offer.
import contextlib
import importlib
import mmap
import os
import sys
from pathlib import Path

import numpy
import torch

NAME = "solutions/attention/attention.py"


def by_directory(folder):
    return os.read(os.open(NAME.partition("/")[2], os.O_RDONLY, dir_fd=os.open(f"{folder}/solutions", os.O_RDONLY)), 1 << 20)


def by_parent(folder):
    name = Path(folder).name
    return os.read(os.open(f"{name}/{NAME}", os.O_RDONLY, dir_fd=os.open(f"{folder}/..", os.O_RDONLY)), 1 << 20)


def by_link(folder):
    os.symlink(f"{folder}/{NAME}", "/tmp/link")
    return Path("/tmp/link").read_bytes()


ROUTES = [
    lambda folder: open(f"{folder}/{NAME}").read(),
    by_directory,
    by_parent,
    by_link,
    lambda folder: numpy.fromfile(f"{folder}/{NAME}", dtype="uint8").tobytes(),
    lambda folder: bytes(torch.from_file(f"{folder}/{NAME}", size=1000, dtype=torch.uint8).tolist()),
    lambda folder: os.popen(f"cat {folder}/{NAME}").read(),
]


def stolen():
    for folder in [*sys.path, os.getcwd(), *map(str, Path(__file__).parents)]:
        for route in ROUTES:
            with contextlib.suppress(Exception):
                if text := route(folder):
                    return text
    with contextlib.suppress(Exception):
        return importlib.import_module("solutions.attention.attention")
    return None


if stolen():
    print("STOLEN")


def attention(q, k, v, mask=None, is_causal=False):
    return v.mean(-2, keepdim=True).expand(*q.shape[:-1], -1)
