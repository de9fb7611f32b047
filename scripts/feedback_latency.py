"""How soon `watch` answers a save, as a multiple of `import torch` in the same run.

    python scripts/feedback_latency.py [SAVES]

Each save writes a right answer to a copy of the attention exercise; the clock runs from the write to the first property's
result and to the verdict, through the same watcher and thread that the screen uses. Between the saves, `import torch` is
timed in a fresh interpreter, so that both meet the same load.
"""

import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from grader.attempt import kept_fingerprints, new_sandbox
from grader.catalogue import Exercise
from grader.live import Done, Heard, Live, News, saves

FIRST, WHOLE = 0.2, 0.6  # what we aim for


class Copy(Exercise):
    """The exercise with the learner's file elsewhere."""

    folder_of_copy = Path()

    @property
    def stub(self) -> Path:
        return self.folder_of_copy / "attention.py"


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as home:
        os.environ["GRADER_HOME"] = home
        Copy.folder_of_copy = Path(home)
        rows = measured(Copy("attention"), wanted)
    torch, first, whole = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"median of {wanted} saves on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; import torch is the unit")
    print(f"first property: {first / torch:.2f} (aim: at most {FIRST})")
    print(f"whole verdict:  {whole / torch:.2f} (aim: at most {WHOLE})")
    sys.exit(first / torch > FIRST or whole / torch > WHOLE)


def measured(exercise: Exercise, wanted: int) -> list[tuple[float, float, float]]:
    """(import torch, first property, verdict) in seconds, once per save."""
    news: queue.Queue[tuple[float, News]] = queue.Queue()
    stop = threading.Event()
    exercise.stub.write_bytes(exercise.solution.read_bytes())
    with new_sandbox() as sandbox:
        sandbox.isolation()  # wait until it is warm
        live = Live(sandbox, kept_fingerprints(lambda _: None), lambda told: news.put((time.perf_counter(), told)))
        saved = saves([exercise], stop)
        watcher = threading.Thread(target=lambda: [live.grade(each) for each in saved], daemon=True)
        watcher.start()
        rows = [one(exercise, news, number) for number in range(wanted + 1)][1:]  # the first one warms
        stop.set()
        watcher.join()
        live.close()
    return rows


def one(exercise: Exercise, news: "queue.Queue[tuple[float, News]]", number: int) -> tuple[float, float, float]:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    torch = time.perf_counter() - began
    text = exercise.solution.read_text(encoding="utf-8") + f"\n# save {number}\n"
    began = time.perf_counter()
    exercise.stub.write_text(text, encoding="utf-8")
    first = None
    while True:
        at, told = news.get(timeout=120)
        if isinstance(told, Heard) and first is None:
            first = at - began
        if isinstance(told, Done):
            assert told.verdict.outcome == "passed", told.verdict.message
            return torch, first or at - began, at - began


if __name__ == "__main__":
    main()
