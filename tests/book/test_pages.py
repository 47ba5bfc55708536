"""Every built page in a real browser: nothing from outside, nothing missing, no errors, phones."""

import pytest

from tools import ROOT

SITE = ROOT / "_build" / "html"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
READY = "document.documentElement.dataset.widgets !== undefined"


def test_there_are_pages():
    assert "index.html" in PAGES
    assert "chapters/02_nadaraya_watson.html" in PAGES


def visit(page, address):
    """Open a page and scroll to its end; return what went wrong on the way."""
    wrong = []
    page.on("request", lambda r: inside(r.url, address) or wrong.append(f"request to {r.url}"))
    page.on("response", lambda r: r.status < 400 or wrong.append(f"{r.status} {r.url}"))
    page.on("requestfailed", lambda r: wrong.append(f"failed {r.url}"))
    page.on("pageerror", lambda e: wrong.append(f"error {e}"))
    page.on(
        "console",
        lambda m: m.type not in ("error", "warning") or wrong.append(f"{m.type} {m.text}"),
    )
    page.goto(address)
    page.wait_for_function(READY)
    page.mouse.wheel(0, 100_000)
    page.wait_for_load_state("networkidle")
    return wrong


def inside(url, address):
    home = "file://" if address.startswith("file:") else "/".join(address.split("/")[:3])
    return url.startswith((home, "data:", "blob:"))


@pytest.mark.parametrize("scheme", ["http", "file"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_nothing_from_outside_and_says_nothing(browser, site, site_url, name, scheme):
    page = browser.new_page()
    try:
        address = f"{site_url}{name}" if scheme == "http" else (site / name).as_uri()
        assert visit(page, address) == []
        assert page.evaluate("document.documentElement.dataset.widgets") == "ready"
        assert page.get_by_role("heading", level=1).count() == 1
    finally:
        page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone(browser, site_url, name):
    page = browser.new_page(viewport={"width": 360, "height": 800}, has_touch=True)
    try:
        page.goto(site_url + name)
        page.wait_for_function(READY)
        for width in (360, 390):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(200)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        page.close()


def test_code_does_not_scroll_sideways_on_a_laptop(browser, site_url):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    for name in PAGES:
        page.goto(site_url + name)
        wide = page.evaluate(
            "[...document.querySelectorAll('article pre')]"
            ".filter(p => p.scrollWidth > p.clientWidth + 1).map(p => p.innerText.slice(0, 80))"
        )
        assert not wide, (name, wide)
    page.close()
