"""Records attempts without end, and prints the number of each once it is recorded."""

import itertools
import sys
from pathlib import Path

from grader.journal import Journal

journal = Journal(Path(sys.argv[1]))
for turn in itertools.count():
    print(journal.begin("dropout", "yours", "f.py", str(turn).encode()), flush=True)
