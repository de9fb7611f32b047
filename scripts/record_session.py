"""Records how studying goes: a fresh copy of the repository, and the real program in a pseudo-terminal.

    python -m scripts.record_session [session.cast]

Every screen that matters is printed; the file is an asciicast, to be played with asciinema. Each step waits for what it must
show, so a session that ends has shown all of it.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from grader.catalogue import ROOT, Exercise
from tests.terminal import Terminal

COLUMNS, ROWS = 110, 36
attention = Exercise("attention")


class Recorder:
    """Runs commands one after the other in the copy, and keeps what the terminals were sent."""

    def __init__(self, clone: Path, home: Path) -> None:
        self.clone, self.home = clone, home
        self.offset, self.sent = 0.0, list[tuple[float, str]]()

    def grader(self, *arguments: str, now: str = "") -> Terminal:
        self._say(f"$ {f'GRADER_NOW={now} ' if now else ''}grader {' '.join(arguments)}")
        clock = {"GRADER_NOW": now} if now else {}
        command = [sys.executable, "-m", "grader", *arguments]
        return Terminal(command, self.clone, COLUMNS, ROWS, GRADER_HOME=str(self.home), **clock)

    def shows(self, *arguments: str, words: str, now: str = "") -> None:
        """A command that prints and ends; what it should say may have scrolled past."""
        with self.grader(*arguments, now=now) as terminal:
            code = terminal.ended()
            assert code == 0, terminal.screen
            assert words in "".join(data.decode(errors="replace") for _, data in terminal.recording), terminal.screen
            self.keep(terminal)

    def keep(self, terminal: Terminal) -> None:
        terminal.settle()
        print(terminal.screen.rstrip(), flush=True)
        self.sent += [(self.offset + at, data.decode(errors="replace")) for at, data in terminal.recording]
        self.offset = (self.sent[-1][0] if self.sent else 0.0) + 1.5
        terminal.recording.clear()

    def write(self, text: str) -> None:
        """The learner saves the file."""
        (self.clone / "exercises" / "attention" / "attention.py").write_text(text, encoding="utf-8")

    def cast(self) -> str:
        header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "Whiteboard: a session of study"}
        return "\n".join([json.dumps(header), *(json.dumps([round(at, 3), "o", text]) for at, text in self.sent)]) + "\n"

    def _say(self, line: str) -> None:
        print(f"\n{line}", flush=True)
        self.sent.append((self.offset, f"\x1b[2J\x1b[H{line}\r\n"))
        self.offset += 1.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(fresh_copy(Path(folder) / "whiteboard"), Path(folder) / "home")
        session(recorder)
        if sys.argv[1:]:
            Path(sys.argv[1]).write_text(recorder.cast(), encoding="utf-8")


def fresh_copy(target: Path) -> Path:
    """What a clone would hold, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def session(recorder: Recorder) -> None:
    right = attention.solution.read_text(encoding="utf-8")
    wrong = right.replace("    q = q / q.shape[-1] ** 0.5", "    # q and k as they are")
    assert wrong != right
    recorder.shows(words="Next:")
    with recorder.grader("watch", "attention") as watch:
        watch.wait_for("scaled dot-product attention")
        recorder.write(wrong)
        watch.wait_for("This looks like: forgets to scale")
        recorder.keep(watch)
        watch.press("h")
        watch.wait_for(f"Hint 1 of {len(attention.hints)}")
        recorder.keep(watch)
        recorder.write(right)
        watch.wait_for("properties hold")
        recorder.keep(watch)
        watch.press("n")
        watch.wait_for("builds on attention" if builds_on_attention() else "weakest track")
        recorder.keep(watch)
        watch.press("q")
        assert watch.ended() == 0
    recorder.shows("next", words="Next:")
    tomorrow = (datetime.now() + timedelta(1)).strftime("%Y-%m-%dT%H:%M")
    recorder.shows("review", words="grader review attention", now=tomorrow)
    recorder.shows("history", "attention", words="forgets to scale")
    recorder.shows("history", "attention", "--diff", "1", "reference", words="the reference")
    recorder.shows("report", words="wrote report.html")


def builds_on_attention() -> bool:
    from grader.catalogue import exercises

    return any(exercise.facts.builds_on == ("attention",) and exercise.kind != "oral" for exercise in exercises())


if __name__ == "__main__":
    main()
