"""Exercises as they lie on disk: names, paths, text and syntax trees. A folder under exercises/ is an exercise."""

import ast
import os
import re
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TRACKS = {
    "text": "from strings to the batches of numbers that a model reads",
    "foundations": "probabilities, losses, gradients, and the steps they lead to",
    "embeddings": "tokens and positions as vectors",
    "recurrent": "one step at a time, with a memory",
    "attention": "every position looks at the others",
    "transformer": "the pieces put together to a language model",
    "regularization": "what keeps a model from learning its data by heart",
    "training": "a whole run, its schedule, its cost and its size",
    "decoding": "from probabilities to a text",
    "evaluation": "how good it is, in a number that can be defended",
    "serving": "smaller, quicker, and in somebody's hands",
    "debugging": "code that runs and is wrong",
}  # in the order of study, each with what it is about; a track that is not named here comes last
TOGETHER = "+"  # joins the names of the bugs that a submission has at once
LEVELS = ("warm-up", "standard", "senior")


@dataclass(frozen=True)
class Card:
    """A Markdown heading and its body: a hint or an oral question."""

    heading: str
    body: str


@dataclass(frozen=True)
class Facts:
    """Line 3 of a brief: 'regularization · 15 minutes · warm-up · builds on nothing'."""

    track: str
    minutes: int
    level: str
    builds_on: tuple[str, ...]


@dataclass(frozen=True)
class Exercise:
    """One folder under exercises/, mirrored by one under solutions/. Paths may be missing: `check` says so."""

    name: str

    @property
    def module(self) -> str:
        """The name under which properties import the submission."""
        return f"exercises.{self.name}.{self.name}"

    @property
    def properties(self) -> str:
        return f"exercises.{self.name}.test_{self.name}"

    @property
    def workloads(self) -> str:
        return f"exercises.{self.name}.workloads"

    @property
    def mistakes(self) -> str:
        """The module of the known mistakes; a bug is a mistake that is planted."""
        return f"solutions.{self.name}.{self.mistakes_file.stem}"

    @property
    def mistakes_file(self) -> Path:
        return self.solution.parent / ("bugs.py" if self.kind == "debugging" else "mistakes.py")

    @property
    def folder(self) -> Path:
        return ROOT / "exercises" / self.name

    @property
    def stub(self) -> Path:
        """The file that the learner edits."""
        return self.folder / f"{self.name}.py"

    @property
    def tests(self) -> Path:
        return self.folder / f"test_{self.name}.py"

    @property
    def solution(self) -> Path:
        return ROOT / "solutions" / self.name / f"{self.name}.py"

    @cached_property
    def kind(self) -> str:
        """coding, debugging (the stub runs, and is wrong) or oral (a brief and cards only), told apart by the files."""
        if not self.tests.exists():
            return "oral"
        return "debugging" if (self.solution.parent / "bugs.py").exists() else "coding"

    @cached_property
    def brief(self) -> str:
        return (self.folder / "README.md").read_text(encoding="utf-8")

    @cached_property
    def title(self) -> str:
        return self.brief.splitlines()[0].removeprefix("# ")

    @cached_property
    def facts(self) -> Facts:
        line = [*self.brief.splitlines(), "", "", ""][2]
        form = r"(?P<track>[\w -]+) · (?P<minutes>\d+) minutes · (?P<level>[\w-]+) · builds on (?P<builds_on>[\w, ]+)"
        found = re.fullmatch(form, line)
        if not found:
            raise ValueError(f"{self.folder / 'README.md'}: line 3 should read 'track · N minutes · level · builds on …'")
        names = [name.strip() for name in found["builds_on"].split(",")]
        builds_on = tuple(name for name in names if name != "nothing")
        return Facts(found["track"], int(found["minutes"]), found["level"], builds_on)

    @cached_property
    def hints(self) -> list[Card]:
        return cards((self.folder / "hints.md").read_text(encoding="utf-8"))

    @cached_property
    def questions(self) -> list[Card]:
        return cards((self.solution.parent / "interview.md").read_text(encoding="utf-8"))

    @cached_property
    def asks_for(self) -> list[str]:
        """The functions and classes that the solution answers: what a submission has to define."""
        return public_names(self.solution.read_text(encoding="utf-8"))

    @cached_property
    def _properties(self) -> list[ast.FunctionDef]:
        """Read without running them."""
        tree = ast.parse(self.tests.read_text(encoding="utf-8"))
        return [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]

    @cached_property
    def claims(self) -> dict[str, str]:
        """Each property's name and its one-sentence claim, in the order of the file."""
        return {node.name: ast.get_docstring(node) or "" for node in self._properties}

    @cached_property
    def costly(self) -> set[str]:
        """The properties that take seconds."""
        return {node.name for node in self._properties if "costly" in map(ast.unparse, node.decorator_list)}

    @cached_property
    def lessons(self) -> dict[str, str]:
        """Each known mistake (a function that stands `@instead_of` another) and its lesson, read without running it."""
        tree = ast.parse(self.mistakes_file.read_text(encoding="utf-8"))
        found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        marked = [node for node in found if any("instead_of" in ast.unparse(mark) for mark in node.decorator_list)]
        return {node.name: " ".join((ast.get_docstring(node) or "").split()) for node in marked}

    @property
    def mistake_names(self) -> list[str]:
        return list(self.lessons)

    @cached_property
    def forbids(self) -> list[str]:
        """The dotted names that the test module's line `forbids = [...]` rules out, read without running it."""
        for node in ast.parse(self.tests.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["forbids"]:
                return list(ast.literal_eval(node.value))
        return []

    def __str__(self) -> str:
        return self.name


def exercises() -> list[Exercise]:
    """All exercises, in the order of study: by track, and within and across tracks after what they build on."""
    found = {path.parent.name: Exercise(path.parent.name) for path in sorted(ROOT.glob("exercises/*/README.md"))}

    def rank(name: str) -> tuple[int, int, int, str]:
        facts = found[name].facts
        track = list(TRACKS).index(facts.track) if facts.track in TRACKS else len(TRACKS)
        level = LEVELS.index(facts.level) if facts.level in LEVELS else len(LEVELS)
        return track, level, facts.minutes, name

    order = TopologicalSorter({name: found[name].facts.builds_on for name in found})
    order.prepare()
    ready: list[str] = []
    sequence = []
    while order.is_active():
        ready = sorted([*ready, *order.get_ready()], key=lambda name: rank(name) if name in found else (-1, 0, 0, name))
        name, *ready = ready
        order.done(name)
        if name in found:  # 'builds on' may name an exercise that does not exist yet
            sequence.append(found[name])
    return sequence


def public_names(source: str) -> list[str]:
    """The top-level functions and classes without a leading underscore, in the order of the file."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [node.name for node in nodes if not node.name.startswith("_")]


def cards(text: str) -> list[Card]:
    """The level-2 headings of a Markdown text, each with what stands under it."""
    parts = re.split(r"^## +(.+)$", text, flags=re.MULTILINE)[1:]
    return [Card(heading.strip(), body.strip()) for heading, body in zip(parts[::2], parts[1::2], strict=True)]


def write_whole(path: Path, text: str) -> None:
    """Write and rename: whoever reads the file, whenever we are killed, finds all of the new text or all of the old."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def same_code(one: str, other: str) -> bool:
    """Whether two sources have the same syntax tree, comments and layout aside. What nests too deep has none."""
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
