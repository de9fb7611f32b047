"""Numbers from noisy measurements, each with an interval: a median of paired ratios, an exponent of growth."""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple


class Estimate(NamedTuple):
    """A value, and the ends of its 95 % interval."""

    middle: float
    low: float
    high: float


def median_of_ratios(one: Sequence[float], other: Sequence[float]) -> Estimate:
    """The median of the paired ratios one[i] / other[i]; the interval is that of order statistics, free of assumptions."""
    ratios = sorted(a / b for a, b in zip(one, other, strict=True))
    cut = max(0, math.floor((len(ratios) - 1.96 * math.sqrt(len(ratios))) / 2))
    return Estimate(median(ratios), ratios[cut], ratios[-1 - cut])


def exponent(sizes: Sequence[float], amounts: Sequence[float]) -> Estimate:
    """The k of amount ~ size**k: the median slope between all pairs of points in the log-log plane.

    Theil-Sen, with Sen's interval (1968, 'Estimates of the regression coefficient based on Kendall's tau'). One bad point
    does not move it.
    """
    points = [(math.log(size), math.log(max(amount, 1e-12))) for size, amount in zip(sizes, amounts, strict=True)]
    slopes = sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))
    n = len(points)
    spread = 1.96 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    cut = max(0, math.floor((len(slopes) - spread) / 2))
    return Estimate(median(slopes), slopes[cut], slopes[-1 - cut])


def comparison(ratio: Estimate) -> str:
    """What a ratio of times allows to say: '1.4x slower, 1.3 to 1.5'; 'as fast' where the interval holds 1."""
    span = f"{ratio.low:.2f} to {ratio.high:.2f}"
    if ratio.low > 1.02:
        return f"{ratio.middle:.2f}x slower, {span}"
    if ratio.high < 0.98:
        return f"{1 / ratio.middle:.2f}x faster, {1 / ratio.high:.2f} to {1 / ratio.low:.2f}"
    return f"as fast, {span}"
