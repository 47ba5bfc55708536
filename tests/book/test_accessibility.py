"""Every built page by the rules of WCAG 2.2, levels A and AA, in light and in dark."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe

from tools import ROOT

SITE = ROOT / "_build" / "html"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
#: In the dark only colours are different, and these are the rules that look at colours.
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"],
    "dark": ["color-contrast", "link-in-text-block"],
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_accessibility_violations(browser, site_url, name):
    page = browser.new_page(color_scheme="light", viewport={"width": 1280, "height": 900})
    try:
        page.goto(site_url + name)
        page.wait_for_function("document.documentElement.dataset.widgets !== undefined")
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        for scheme, rules in RULES.items():
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
            page.wait_for_timeout(300)
            options = {"runOnly": rules, "resultTypes": ["violations"]}
            found = Axe().run(page, options=options).response["violations"]
            told = [(v["id"], v["help"], [n["target"] for n in v["nodes"]][:3]) for v in found]
            assert not told, json.dumps([scheme, *told], indent=1)
    finally:
        page.close()
