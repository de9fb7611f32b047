"""A new exercise: the files that every exercise has, copied from grader/template/, with its name filled in."""

from pathlib import Path

from grader.catalogue import ROOT

TEMPLATE = ROOT / "grader" / "template"


def scaffold(name: str) -> list[Path]:
    """Write the files of an exercise called `name` and return their paths. Raises FileExistsError, and overwrites nothing."""
    title = name.replace("_", " ").capitalize()
    written = []
    for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file()):
        relative = str(source.relative_to(TEMPLATE)).removesuffix(".txt").replace("NAME", name)
        target = ROOT / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as opened:
            opened.write(source.read_text(encoding="utf-8").replace("NAME", name).replace("TITLE", title))
        written.append(target)
    return written
