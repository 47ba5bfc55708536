"""Every built page in a real browser: nothing from outside, no errors, phones, accessibility.

A page is opened once over http for all of its tests, and once from its file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.book.axe import RULES, one_of_each_look
from tools import ROOT

SITE = ROOT / "_build" / "html"
MOVED = yaml.safe_load((ROOT / "book" / "moved.yml").read_text(encoding="utf-8"))["pages"]
FILES = {path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html")}
PAGES = sorted(FILES - {f"{old}.html" for old in MOVED})  # test_moved.py opens those
READY = "document.documentElement.dataset.widgets !== undefined"
LAPTOP, PHONES = {"width": 1280, "height": 900}, (320, 360, 390)  # 320: a laptop at 400 %
#: What a reader may ask of any text: WCAG 2.2, 1.4.12.
SPACING = """* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
    word-spacing: 0.16em !important } p { margin-bottom: 2em !important }"""


def test_there_are_pages():
    assert "index.html" in PAGES
    assert "chapters/02_nadaraya_watson.html" in PAGES


@dataclass
class Visit:
    """A page of the site in the browser, and what went wrong since it was opened."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Open a page and scroll to its end."""
        page, note = self.page, self.wrong.append
        page.on("request", lambda r: inside(r.url, address) or note(f"request to {r.url}"))
        page.on("response", lambda r: r.status < 400 or note(f"{r.status} {r.url}"))
        page.on("requestfailed", lambda r: note(f"failed {r.url}"))
        page.on("pageerror", lambda e: note(f"error {e}"))
        page.on(
            "console",
            lambda m: m.type not in ("error", "warning") or note(f"{m.type} {m.text}"),
        )
        page.goto(address)
        page.wait_for_function(READY)
        page.mouse.wheel(0, 100_000)
        page.wait_for_load_state("networkidle")

    def needs_nothing_and_says_nothing(self) -> None:
        assert self.wrong == []
        assert self.page.evaluate("document.documentElement.dataset.widgets") == "ready"
        assert self.page.get_by_role("heading", level=1).count() == 1


def inside(url: str, address: str) -> bool:
    home = "file://" if address.startswith("file:") else "/".join(address.split("/")[:3])
    return url.startswith((home, "data:", "blob:"))


@pytest.fixture(scope="module", params=PAGES)
def visit(request, browser, site_url) -> Iterator[Visit]:
    """One page, opened once for all tests that take this fixture."""
    page = browser.new_page(color_scheme="light", viewport=LAPTOP, has_touch=True)
    made = Visit(page)
    made.open(site_url + request.param)
    yield made
    page.close()


def test_a_page_needs_nothing_from_outside_and_says_nothing(visit):
    visit.needs_nothing_and_says_nothing()


def test_code_does_not_scroll_sideways_on_a_laptop(visit):
    wide = visit.page.evaluate(
        "[...document.querySelectorAll('article pre')]"
        ".filter(p => p.scrollWidth > p.clientWidth + 1).map(p => p.innerText.slice(0, 80))"
    )
    assert not wide


@pytest.mark.parametrize("width", PHONES)
def test_a_page_fits_a_phone(visit, width):
    visit.page.set_viewport_size({"width": width, "height": 800})
    try:
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        visit.page.set_viewport_size(LAPTOP)


def test_a_page_fits_a_phone_with_the_letters_set_apart(visit):
    visit.page.set_viewport_size({"width": 320, "height": 800})
    style = visit.page.add_style_tag(content=SPACING)
    try:
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 320
    finally:
        style.evaluate("style => style.remove()")
        visit.page.set_viewport_size(LAPTOP)


def test_every_control_is_24_pixels_wide_and_high(visit):
    """WCAG 2.2, 2.5.8. Boxes to tick stand in a label that is."""
    small = visit.page.evaluate(
        "[...document.querySelectorAll('button, select, input, summary, label:has(input)')]"
        ".filter(e => e.type !== 'checkbox' && e.checkVisibility())"
        ".map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])"
        ".filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([e]) => e)"
    )
    assert not small


def test_a_page_has_no_accessibility_violations(visit):
    """Last, for it opens every fold and takes out what looks like something before it."""
    page = visit.page
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    one_of_each_look(page)
    for scheme, rules in RULES.items():
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        page.wait_for_timeout(300)
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        found = Axe().run(page, options=options).response["violations"]
        told = [(v["id"], v["help"], [n["target"] for n in v["nodes"]][:3]) for v in found]
        assert not told, json.dumps([scheme, *told], indent=1)
    assert visit.wrong == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opened_as_a_file_needs_nothing_either(browser, site, name):
    page = browser.new_page()
    try:
        visit = Visit(page)
        visit.open((site / name).as_uri())
        visit.needs_nothing_and_says_nothing()
    finally:
        page.close()
