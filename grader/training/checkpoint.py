"""A checkpoint: one file that is whole or absent, however the process ended."""

import os
import zipfile
from pathlib import Path
from typing import Any

import torch

from grader.training.recipe import RunError


def save(path: Path, state: dict[str, Any]) -> None:
    """At any time `path` is absent or whole. Raises RunError where the disk is full or refuses; nothing is left behind then."""
    fresh = path.with_name(f"{path.name}.tmp")  # beside it, since a rename is atomic only within one file system
    try:
        with open(fresh, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())  # or the rename might reach the disk before the content
        os.replace(fresh, path)
        _settle(path.parent)
    except (OSError, RuntimeError) as why:  # torch turns a full disk into a RuntimeError, with the OSError behind it
        fresh.unlink(missing_ok=True)
        behind = why if isinstance(why, OSError) else why.__context__
        reason = behind.strerror if isinstance(behind, OSError) else str(why).splitlines()[0]
        raise RunError(f"{path} could not be saved: {reason}") from None


def load(path: Path) -> dict[str, Any]:
    """What `save` stored, on the CPU. Raises RunError for a file that is not whole: its checksums are verified first."""
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(f"{broken} has a wrong checksum")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError, EOFError) as why:
        raise RunError(f"{path} is broken ({str(why).splitlines()[0]}); delete it to go on from the one before it") from None
    if not isinstance(state, dict) or not {"step", "model", "optimizers"} <= set(state):
        raise RunError(f"{path} is no checkpoint of a run")
    return state


def _settle(folder: Path) -> None:
    """The rename, on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
