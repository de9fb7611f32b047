"""How far the benchmark's ratios can be believed: a true 1.4x, measured again and again.

    python scripts/benchmark_stability.py          # on an idle machine
    python scripts/benchmark_stability.py --busy   # while every core is kept busy by something else

Both sides are the same matrix product, made 10 times by one and 14 times by the other.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable

import torch

from grader.benchmark import take_turns
from grader.estimate import Estimate, median_of_ratios

TRUE, CALLS, REPEATS = 1.4, 100, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", action="store_true", help="keep every core busy meanwhile")
    busy = parser.parse_args().busy
    torch.set_num_threads(1)
    burners = [multiprocessing.Process(target=burn, daemon=True) for _ in range(os.cpu_count() or 1)] if busy else []
    for burner in burners:
        burner.start()
    start = time.process_time()
    ratios = [one_ratio() for _ in range(CALLS)]
    each = (time.process_time() - start) / CALLS
    right = sum(ratio.low > 1.02 and abs(ratio.middle - TRUE) < 0.1 for ratio in ratios)
    held = sum(ratio.low <= TRUE <= ratio.high for ratio in ratios)
    ten = sorted(ratio.middle for ratio in ratios[:REPEATS])
    print(f"{'busy' if busy else 'idle'}: a true {TRUE}x was called slower, within 0.1 of it, {right} times of {CALLS}")
    print(f"the interval held the true ratio {held} times; {REPEATS} repeats ranged from {ten[0]:.3f} to {ten[-1]:.3f}")
    print(f"{each:.2f} s of CPU time per ratio")


def one_ratio() -> Estimate:
    times = take_turns({"slow": products(14), "quick": products(10)})
    return median_of_ratios(times["slow"], times["quick"])


def products(count: int) -> Callable[[], None]:
    x = torch.ones(64, 64)

    def call() -> None:
        for _ in range(count):
            x @ x

    return call


def burn() -> None:
    while True:
        sum(range(100_000))


if __name__ == "__main__":
    main()
