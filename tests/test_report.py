"""The report: right in a real browser, at two widths, in light and in dark, with the mouse and with the keyboard."""

import json
from pathlib import Path

import pytest

from grader.catalogue import exercises
from grader.journal import Journal
from grader.progress import Progress
from grader.report import written
from tests.browser import Page, chromium

DAY = 86_400.0
CONTRAST = (Path(__file__).parent / "samples" / "contrast.js").read_text(encoding="utf-8")


def studied(home: Path) -> Journal:
    """Three weeks of attempts, a mistake with a name that HTML would take for a tag, and a benchmark."""
    clock = [1_790_000_000.0]
    journal = Journal(home, clock=lambda: clock[0])
    for outcome, mistake in (("failed", "forgets_to_scale"), ("failed", "<b>bold"), ("passed", "")):
        number = journal.begin("attention", "yours", "f", outcome.encode())
        journal.finish(number, outcome, "{}", mistake)
        clock[0] += 8 * DAY
    curve = {
        "workload": "long", "axis": "queries", "lengths": [64, 128, 256], "bytes": [1, 1, 1], "flops": 1,
        "memory": [1.0, 0.9, 1.1], "declared_time": 2.0, "declared_memory": None,
    }  # fmt: skip
    curves = [
        curve | {"runner": runner, "seconds": [1e-3, 4e-3, scale * 1e-2], "time": [power, power - 0.1, power + 0.1]}
        for runner, scale, power in (("yours", 2.0, 2.1), ("solution", 1.0, 1.7), ("torch", 0.5, 1.2))
    ]
    timing = {"workload": "long", "size": {"queries": 256}, "seconds": {}, "ratios": {"yours/solution": [1.2, 1.1, 1.3]}}
    journal.time("attention", json.dumps({"timings": [timing], "growth": curves}), grows=True)
    return journal


def page_of(journal: Journal) -> str:
    return written(Progress.of(journal, exercises()), journal.times())


def test_it_is_one_file_that_refers_to_nothing_and_escapes_what_it_is_told(home: Path):
    text = page_of(studied(home))
    assert "src=" not in text
    assert "http" not in text
    assert "<b>bold" not in text
    assert "&lt;b&gt;bold" in text


def test_the_report_of_an_empty_journal_says_what_to_do(home: Path):
    text = page_of(Journal(home))
    for words in ("No attempt yet", "Nothing is passed yet", "Nothing was timed yet", "grader bench NAME"):
        assert words in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_a_browser_clicks_through_it_without_a_complaint(home: Path, tmp_path: Path, width: int, scheme: str):
    report = tmp_path / "report.html"
    report.write_text(page_of(studied(home)), encoding="utf-8")
    with chromium(tmp_path / "profile") as page:
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.open(report.as_uri())
        names = page.evaluate("[...document.querySelectorAll('[role=tab]')].map((tab) => tab.id.slice(4))")
        assert len(names) == 5
        for name in names:
            page.click(f"#tab-{name}")
            holds(page, name)
        page.press("Home")
        holds(page, names[0])
        page.press("ArrowLeft")
        holds(page, names[-1])
        page.click("details summary")
        assert page.evaluate("document.querySelector('details').open")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == {
            "light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)",
        }[scheme]  # fmt: skip
        assert page.complaints() == []


def holds(page: Page, name: str) -> None:
    """One part is shown, nothing sticks out, all text stands out, and every picture says what it shows."""
    assert page.evaluate("[...document.querySelectorAll('[role=tabpanel]')].filter((p) => !p.hidden).map((p) => p.id)") == [
        name
    ]
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.evaluate(CONTRAST) >= 4.5  # WCAG 2.2, level AA
    assert page.evaluate("[...document.querySelectorAll('[role=img]')].every((image) => image.getAttribute('aria-label'))")


def test_the_browser_test_notices_an_error_and_a_request(tmp_path: Path):
    """The check can fail."""
    page_with_faults = tmp_path / "faults.html"
    page_with_faults.write_text("<img src='http://127.0.0.1:9/x.png'><script>nothing.at.all</script>", encoding="utf-8")
    with chromium(tmp_path / "profile") as page:
        page.open(page_with_faults.as_uri())
        complaints = " ".join(page.complaints())
    assert "ReferenceError" in complaints
    assert "127.0.0.1" in complaints
