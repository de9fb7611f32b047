"""The scorecard to hand over: right in a real browser, at two widths, in light and in dark, and on paper."""

import base64
import re
import zlib
from pathlib import Path

import pytest

from grader import handout
from grader.catalogue import exercises
from grader.scorecard import Scorecard
from tests.browser import Page, chromium
from tests.sitting import Sitting, whole
from tests.test_report import CONTRAST


def page_of(sitting: Sitting) -> str:
    return handout.html(Scorecard.of(sitting.journal, sitting.number, exercises()))


def test_it_is_one_file_that_refers_to_nothing_and_escapes_what_it_is_told(home: Path):
    text = page_of(whole(home))
    assert "src=" not in text
    assert "http" not in text
    assert "<b>what</b>" not in text
    assert "&lt;b&gt;what&lt;/b&gt;" in text


def test_the_strip_of_a_round_says_what_it_shows(home: Path):
    sitting = whole(home)
    code, talk = Scorecard.of(sitting.journal, sitting.number, exercises()).rounds
    drawn = handout.strip(code)
    assert drawn.summary == "saves: 2; verdicts that did not pass: 1; verdicts that passed: 1; hints: 1"
    assert [mark.kind for mark in drawn.marks] == ["save", "failed", "hint", "save", "passed"]
    assert all(0 <= mark.x <= handout.WIDTH and 0 <= mark.y <= handout.HEIGHT for mark in drawn.marks)
    assert handout.strip(talk).summary == "nothing was saved"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_a_browser_shows_it_without_a_complaint(home: Path, tmp_path: Path, browser: Page, width: int, scheme: str):
    card = tmp_path / "card.html"
    card.write_text(page_of(whole(home)), encoding="utf-8")
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.open(card.as_uri())
    assert browser.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.evaluate(CONTRAST) >= 4.5  # WCAG 2.2, level AA
    assert browser.evaluate("[...document.querySelectorAll('[role=img]')].every((image) => image.getAttribute('aria-label'))")
    assert browser.evaluate(
        "[...document.querySelectorAll('section')].every((s) => document.getElementById(s.getAttribute('aria-labelledby')))"
    )
    assert browser.evaluate("[...document.querySelectorAll('th')].every((th) => th.scope)")
    assert browser.evaluate("new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size") == browser.evaluate(
        "document.querySelectorAll('[id]').length"
    )
    browser.click("a[href='#round-2']")
    assert browser.evaluate("location.hash") == "#round-2"
    dark = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == dark[scheme]
    assert browser.complaints() == []


def test_it_prints_dark_on_white_with_all_of_it(home: Path, tmp_path: Path, browser: Page):
    card = tmp_path / "card.html"
    card.write_text(page_of(whole(home)), encoding="utf-8")
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.open(card.as_uri())
    browser.call("Emulation.setEmulatedMedia", media="print", features=dark)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate(CONTRAST) >= 4.5
    assert browser.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
    pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=False)["data"])
    (tmp_path / "card.pdf").write_bytes(pdf)
    assert pdf.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 8
    assert any(b"Tj" in text or b"TJ" in text for text in streams(pdf)), "no text on paper"


def streams(pdf: bytes) -> list[bytes]:
    """The unpacked contents of its streams."""
    found = []
    for packed in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(packed))
        except zlib.error:
            continue
    return found
