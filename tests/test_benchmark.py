"""Ratios, exponents, and who is timed at all. Orders of growth are asserted, never times."""

from types import SimpleNamespace

import pytest
import torch

from grader.benchmark import grow, measure, peak_bytes, take_turns
from grader.catalogue import Exercise
from grader.clock import NotTimed, clocked
from grader.estimate import comparison, exponent, median_of_ratios
from grader.grading import Candidate
from grader.sandbox import Sandbox
from grader.submission import solution

attention = Exercise("attention")


def test_an_exponent_is_found_in_spite_of_one_bad_point():
    sizes = [64, 128, 256, 512, 1024]
    amounts = [size**2 * 1e-6 for size in sizes]
    assert exponent(sizes, amounts) == pytest.approx((2, 2, 2))
    amounts[2] *= 10
    assert exponent(sizes, amounts).middle == pytest.approx(2, abs=0.3)


def test_a_ratio_is_judged_only_where_its_interval_allows():
    ones = [1.0] * 20
    assert comparison(median_of_ratios([1.4] * 20, ones)) == "1.40x slower, 1.40 to 1.40"
    assert comparison(median_of_ratios(ones, [2.0] * 20)) == "2.00x faster, 2.00 to 2.00"
    assert comparison(median_of_ratios([0.8, 1.3] * 10, ones)).startswith("as fast")


def test_more_work_is_called_slower_whatever_else_the_machine_does():
    def spend(rounds: int):
        return lambda: sum(range(rounds))

    times = take_turns({"much": spend(200_000), "little": spend(100_000)})
    assert len(times["much"]) == len(times["little"]) >= 9
    assert median_of_ratios(times["much"], times["little"]).low > 1.2


def test_the_peak_is_what_lives_at_one_time():
    megabyte = lambda: torch.ones(256, 1024)
    one_by_one, together = (
        lambda: [megabyte().sum() for _ in range(4)],
        lambda: sum(x.sum() for x in [megabyte() for _ in range(4)]),
    )
    assert peak_bytes(one_by_one, "cpu") < 1.5 * 2**20
    assert peak_bytes(together, "cpu") >= 4 * 2**20


def wrong_and_quick() -> SimpleNamespace:
    return SimpleNamespace(attention=lambda q, k, v, mask=None, is_causal=False: v * 1.0)


def test_a_quick_wrong_answer_has_no_time():
    (row,) = measure(attention, wrong_and_quick(), solution(attention))
    assert set(row["seconds"]) == {"solution", "torch"}


def test_attention_grows_faster_than_linearly_and_a_pass_over_a_long_run_does_not():
    (reference, _) = grow(attention, None, solution(attention))
    assert reference["time"].middle > 1.1
    schedules = Exercise("lr_scheduling")
    (linear,) = grow(schedules, None, solution(schedules))
    assert 0.6 < linear["time"].middle < 1.4


def test_a_benchmark_in_its_cell_has_a_clock_that_runs(sandbox: Sandbox):
    """Under a CPU limit the process's clock would advance by ticks of some milliseconds."""
    source = attention.solution.read_bytes()
    times = clocked(sandbox, Candidate(attention, "yours", "answer.py", source), growth=True)
    (timing,) = times.timings
    assert set(timing.seconds) == {"yours", "solution", "torch"}
    assert 0.5 < timing.ratios["yours/solution"].middle < 2
    assert {curve.runner for curve in times.growth} == {"yours", "solution", "torch"}
    assert all(second * 1000 % 1 for curve in times.growth for second in curve.seconds)


def test_what_cannot_be_timed_is_said_in_one_line(sandbox: Sandbox):
    with pytest.raises(NotTimed, match="nowhere"):
        clocked(sandbox, Candidate(attention, "solution", "", b""), device="nowhere")
    with pytest.raises(NotTimed) as why:
        clocked(sandbox, Candidate(attention, "yours", "answer.py", b"import nothing_like_it"))
    assert "\n" not in str(why.value)
